"""Who calls and with what strength: an API key, a signed-in person, or a person's token of the identity provider."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from gateway import ratelimit
from gateway.auth import OF_ADMINS, Scope, authenticate, granted, presented, refused, unauthorized
from gateway.context import Context, context_of
from gateway.grant import scopes_of
from gateway.identity import cookie, csrf
from gateway.identity.bearer import bearer_of, looks_like_a_token
from gateway.problem import Problem
from spine.ids import PersonId, TenantId
from spine.person import EVERY_TENANT, Person, PersonRef
from spine.session import Session, fresh
from store import people, sessions
from store.keys import ApiKey

MFA = "urn:ops:acr:mfa"
"""The name of "a second factor was shown", for RFC 9470."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who stands behind a request. The tenant is never taken from body or query."""

    tenant: TenantId
    """From the key, the token, or the tenant chosen in the session."""
    scopes: frozenset[Scope]
    """A person's follow from their roles in that tenant, read again at every request."""
    person: Person | None
    """None = an API key."""
    actor: str
    """"key:<name>" or "person:<email>": what audit entries show."""
    via: str
    """"key" | "console" | "oidc"."""
    stepped_up_at: datetime | None
    """When a second factor was last shown."""
    account: PersonRef | None
    """For `decide()`: the account as the edge saw it."""
    session: Session | None = None
    """Of a signed-in browser."""
    csrf: str | None = None
    """What a form of this session must carry in the field `csrf`, or a script in `X-CSRF-Token`."""
    maker: PersonId | None = None
    """Who made the key; None = an operator did, or no key calls."""

    @property
    def human(self) -> PersonId | None:
        """Whose wish it is: what somebody's own key asks for, they ask for themselves."""
        return self.person.id if self.person else self.maker

    def everywhere(self, scope: Scope) -> bool:
        """True when a role that holds in every tenant opens `scope`: of people alone."""
        return self.person is not None and scope in scopes_of(self.person.roles.get(EVERY_TENANT, frozenset()))


def calling(*scopes: Scope) -> Callable[[Request], Coroutine[Any, Any, Caller]]:
    """A dependency: who calls, by key, bearer token or session cookie, with one of `scopes` (none = anybody known).

    An `Authorization` or `X-API-Key` header counts before a cookie, and needs no CSRF token.

    Raises:
        Problem: 401, 403.
    """

    async def caller(request: Request) -> Caller:
        return await run_in_threadpool(_checked, request, scopes, await csrf.shown(request))

    return caller


def signed_in(request: Request) -> Caller | None:
    """Who is signed in in this browser; None = nobody (any more). For pages that show themselves to both."""
    found = cookie.read(request)
    if found is None:
        return None
    try:
        return _by_session(request, found)
    except Problem:
        return None


def stepped_up(caller: Caller, request: Request, max_age: timedelta | None = None) -> None:
    """Go on only if a second factor was shown no longer than `max_age` ago (default: the settings' `stepup_seconds`).

    Raises:
        Problem: 401 as RFC 9470 has it.
    """
    context = context_of(request)
    age = max_age or timedelta(seconds=context.settings.signin.stepup_seconds)
    if fresh(caller.stepped_up_at, context.clock.now(), age):
        return
    raise insufficient(age, person=caller.person is not None)


def insufficient(age: timedelta, *, person: bool) -> Problem:
    """The challenge: a second factor is missing or too old."""
    challenge = (
        f'Bearer error="insufficient_user_authentication", '
        f'error_description="A second factor is needed, no older than max_age seconds", '
        f'acr_values="{MFA}", max_age="{int(age.total_seconds())}"'
    )
    detail = (
        f"This needs a second factor no older than {int(age.total_seconds() // 60)} minutes. Show one and repeat the "
        "request: POST /api/ops/session/step-up, or /admin/auth-ops/step-up in a browser."
        if person
        else "This needs a person with a second factor; an API key has none. Sign in to the console."
    )
    return Problem(401, "stepup.needed", detail, headers={"WWW-Authenticate": challenge, "Cache-Control": "no-store"})


def _checked(request: Request, scopes: tuple[Scope, ...], token: str) -> Caller:
    caller = _caller(request, token)
    if scopes and caller.scopes.isdisjoint(scopes):
        refused(context_of(request), request, "caller.scope", caller.actor, caller.tenant)
        wanted = " or ".join(repr(scope.value) for scope in scopes)
        detail = f"{caller.actor} lacks the scope {wanted} in tenant {caller.tenant}."
        raise Problem(403, "key.scope" if caller.person is None else "person.scope", detail)
    return caller


def _caller(request: Request, token: str) -> Caller:
    if (secret := presented(request)) is not None:
        return _by_token(request, secret) if looks_like_a_token(secret) else _by_key(request)
    found = cookie.read(request)
    if found is None:
        detail = "This needs credentials: send `Authorization: Bearer <key>` or `X-API-Key: <key>`, or sign in."
        raise unauthorized(detail)
    caller = _by_session(request, found)
    csrf.check(request, caller.csrf or "", token)
    return caller


def _by_key(request: Request) -> Caller:
    key = authenticate(request)
    context = context_of(request)
    ratelimit.by_caller(context, str(key.id))
    return Caller(
        tenant=key.tenant_id, scopes=_lent(context, key), person=None, actor=f"key:{key.name}", via="key",
        stepped_up_at=None, account=None, maker=key.made_by,
    )  # fmt: skip


def _lent(context: Context, key: ApiKey) -> frozenset[Scope]:
    """The scopes of a key. Power over people and keys lasts no longer than that of whoever made it: nobody who was
    shut out comes in again by a key they had made before."""
    scopes = granted(key.scopes)
    if key.made_by is None or scopes.isdisjoint(OF_ADMINS):
        return scopes
    with context.database.system() as connection:
        maker = people.get(connection, key.made_by)
    held = scopes_of(maker.roles_in(key.tenant_id)) if maker else frozenset()
    return scopes - (OF_ADMINS - held)


def _by_token(request: Request, secret: str) -> Caller:
    bearer = bearer_of(request, secret)
    person, context = bearer.person, context_of(request)
    ratelimit.by_caller(context, f"oidc {person.id}")
    return Caller(
        tenant=bearer.tenant, scopes=scopes_of(person.roles_in(bearer.tenant)), person=person,
        actor=f"person:{person.email}", via="oidc", stepped_up_at=bearer.stepped_up_at,
        account=PersonRef.by_email(person.email),
    )  # fmt: skip


def _by_session(request: Request, found: str) -> Caller:
    context = context_of(request)
    now, settings = context.clock.now(), context.settings.signin
    with context.database.system() as connection:
        session = sessions.find(connection, found, now=now, settings=settings)
        person = people.get(connection, session.person_id) if session else None
    if session:
        ratelimit.by_caller(context, str(session.id))
    if session is None or person is None or person.disabled_at is not None:
        raise Problem(
            401, "session.over", "This session is over. Sign in again; nothing was done.",
            headers={"WWW-Authenticate": "Bearer", "Cache-Control": "no-store"},
        )  # fmt: skip
    return Caller(
        tenant=session.tenant_id, scopes=scopes_of(person.roles_in(session.tenant_id)), person=person,
        actor=f"person:{person.email}", via="console", stepped_up_at=session.stepped_up_at,
        account=PersonRef.by_email(person.email), session=session, csrf=session.csrf,
    )  # fmt: skip
