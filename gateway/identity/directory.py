"""Who the identity provider's subject is here: by its own id of them, the first time by a verified e-mail address."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from sqlalchemy import Connection

from gateway.context import context_of
from gateway.identity.entry import may_enter
from gateway.identity.oidc import Provider, Untrusted
from gateway.problem import Problem
from spine.person import Person, PersonRef
from store import people


def provider_of(request: Request) -> Provider:
    """The provider of this installation.

    Raises:
        Problem: 404, none is set up.
    """
    app: FastAPI = request.app
    if not hasattr(app.state, "oidc"):
        settings = context_of(request).settings.signin.oidc
        app.state.oidc = Provider(settings) if settings.issuer else None
    found = app.state.oidc
    if not isinstance(found, Provider):
        raise Problem(404, "oidc.off", "No identity provider is set up here. Sign in with a passkey or a link.")
    return found


def person_of(request: Request, connection: Connection, claims: Mapping[str, Any], issuer: str) -> Person:
    """The person whose token's claims these are.

    Once known by subject, the e-mail address counts for nothing: who gets a former colleague's address at the provider
    does not become them here. The first time, a verified address of somebody who has no subject yet is needed.

    Raises:
        Untrusted: they are nobody's who may enter.
    """
    account = PersonRef.by_oidc(issuer, str(claims["sub"]))
    person = people.find(connection, account)
    if person is None:
        person = _by_email(connection, claims, issuer)
        people.link(
            connection, person.email, account,
            actor=f"oidc:{account.account}", now=context_of(request).clock.now(),
        )  # fmt: skip
    if not may_enter(person):
        raise Untrusted("the person is disabled")
    return person


def _by_email(connection: Connection, claims: Mapping[str, Any], issuer: str) -> Person:
    email = claims.get("email")
    if not isinstance(email, str) or claims.get("email_verified") is not True:
        raise Untrusted("the subject is unknown and bears no verified e-mail address")
    person = people.find(connection, PersonRef.by_email(email))
    if person is None or not may_enter(person):
        raise Untrusted("nobody here has the token's e-mail address")
    if any(one.provider == "oidc" and one.team == issuer for one in people.accounts(connection, person.id)):
        raise Untrusted("the e-mail address belongs to a person with another subject")
    return person
