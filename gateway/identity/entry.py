"""The ways in. Each ends in a new session, with a token nobody knew before, or in a reason why not.

A refusal is returned, not raised, so that what it counts (wrong codes, used challenges) is committed.
"""

from base64 import b64decode
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, TypeGuard
from uuid import UUID

from fastapi import Request
from sqlalchemy import Connection

from gateway import ratelimit
from gateway.auth import refused
from gateway.context import context_of
from gateway.identity import cookie, factor, passkey
from gateway.identity.factor import Accepted, Shown, vault_of
from gateway.problem import Problem
from spine import totp
from spine.ids import PersonId
from spine.person import Person, PersonRef
from spine.session import Method, Session
from store import ceremonies, links, passkeys, people, recovery, sessions
from store.ceremonies import Ceremony
from store.stepup import StepUp, step_up


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """Somebody signed in."""

    person: Person
    session: Session
    token: str
    recovery_codes: tuple[str, ...] = ()
    """New ones, to be shown now and never again."""


NOT_ACCEPTED = "That was not accepted, so nobody was signed in. Check what you typed; each code is good once."
LINK_OVER = (
    "This link is not good, or not any more: each is good once and for a short time. Ask an operator for a new one: "
    "`opsspine people invite <your address>`."
)


def by_passkey(request: Request, credential: dict[str, Any]) -> Entered | Problem:
    """With a passkey alone: it is both factors."""
    context = context_of(request)
    now = context.clock.now()
    ratelimit.by_address(request)
    with context.database.system() as connection:
        begun = ceremonies.finish(
            connection, Ceremony.PASSKEY_SIGN_IN, cookie.read(request, cookie.CEREMONY),
            vault=vault_of(context), now=now,
        )  # fmt: skip
        shown = begun and passkey.asserted(
            connection, passkey.Site.of(context.settings), credential, b64decode(begun.content["challenge"]), now=now
        )
        person = people.get(connection, shown.person_id) if shown else None
        if may_enter(person):
            return _begin(request, connection, person, Method.PASSKEY, now)
    return _no(request, "signin.passkey", "passkey", NOT_ACCEPTED)


def by_recovery(request: Request, email: str, recovery_code: str, code: str) -> Entered | Problem:
    """With a recovery code and a code of the authenticator: two things that lie in two places.

    One argon2 hash is computed for everybody, known or not, and the answer to all that is wrong is one and the same.
    The authenticator's code is looked at only behind a right recovery code: strangers cannot use up anybody's tries.
    """
    context = context_of(request)
    now, ref = context.clock.now(), PersonRef.by_email(email)
    ratelimit.by_address(request)
    ratelimit.by_account(request, ref.account)
    with context.database.system() as connection:
        person = people.find(connection, ref)
        number = recovery.accepted(connection, person.id if person else None, recovery_code)
        if number is not None and may_enter(person):
            result = step_up(connection, person.id, code, now=now, settings=context.settings)
            if result is StepUp.ACCEPTED:
                recovery.use(connection, person.id, number, now=now)
                return _begin(request, connection, person, Method.RECOVERY, now)
    return _no(
        request, "signin.recovery", f"email-sha256:{sha256(ref.account.encode()).hexdigest()[:12]}", NOT_ACCEPTED
    )


def by_link(request: Request, token: str, shown: Shown) -> Entered | Problem:
    """With a signed link and a second factor; a link that enrols sets the authenticator up with its first code."""
    context = context_of(request)
    now, vault = context.clock.now(), vault_of(context)
    ratelimit.by_address(request)
    with context.database.system() as connection:
        subject = links.look(connection, "sign-in", token, vault=vault, now=now)
        person = people.get(connection, PersonId(UUID(subject["person"]))) if subject else None
        wrong: Problem | None = None
        if subject is not None and may_enter(person):
            ratelimit.by_person(request, connection, person.id, now=now)
            result = _second_factor(request, connection, person, shown, now, enrols=subject["enrols"])
            if not isinstance(result, Problem):
                links.use(connection, token, now=now)
                return _begin(request, connection, person, Method.LINK, now, recovery_codes=result)
            wrong = result
    if person is None or wrong is None:
        return _no(request, "signin.link", "link", LINK_OVER)
    refused(context, request, wrong.code, f"person:{person.email}")
    return wrong


def _second_factor(
    request: Request, connection: Connection, person: Person, shown: Shown, now: datetime, *, enrols: bool
) -> tuple[str, ...] | Problem:
    """What goes with a link; new recovery codes where it set an authenticator up."""
    if enrols:
        return _enrolled_anew(request, connection, person, shown.code, now)
    checked = factor.check(request, connection, person, shown, now)
    return () if isinstance(checked, Accepted) else checked


def by_oidc(request: Request, connection: Connection, person: Person, *, second_factor: bool) -> Entered:
    """With the identity provider's word, which was checked; `second_factor`: it says that one was shown there now."""
    now = context_of(request).clock.now()
    return _begin(request, connection, person, Method.OIDC, now, stepped_up=second_factor)


def enrol(
    request: Request, connection: Connection, person: Person, code: str, now: datetime
) -> tuple[str, ...] | Problem:
    """Make the authenticator that this browser was shown the person's; returns their new recovery codes."""
    context = context_of(request)
    value, vault = cookie.read(request, cookie.CEREMONY), vault_of(context)
    begun = ceremonies.look(connection, Ceremony.TOTP, value, vault=vault, now=now)
    if begun is None or begun.person_id != person.id:
        detail = "The code on the page is too old. Load the page again and scan the new one."
        return Problem(409, "totp.over", detail)
    secret = str(begun.content["secret"])
    step = totp.accepted_step(secret, code, at=now, last_step=-1)
    if step is None:
        return factor.refusal(StepUp.REFUSED)
    ceremonies.finish(connection, Ceremony.TOTP, value, vault=vault, now=now)
    people.keep_authenticator(connection, person, secret, step, vault=vault, now=now)
    return tuple(recovery.renew(connection, person.id, context.settings.signin.recovery_codes))


def _enrolled_anew(
    request: Request, connection: Connection, person: Person, code: str, now: datetime
) -> tuple[str, ...] | Problem:
    """The same for who has lost everything: whoever found it shall not come in by it, so all that was ends."""
    codes = enrol(request, connection, person, code, now)
    if not isinstance(codes, Problem):
        passkeys.forget_all(connection, person, now=now)
        sessions.end_all(connection, person.id, now=now)
    return codes


def may_enter(person: Person | None) -> TypeGuard[Person]:
    """True for who is known and not disabled; who stands in for people in drills is nobody."""
    return person is not None and person.disabled_at is None and not person.drill


def _begin(
    request: Request,
    connection: Connection,
    person: Person,
    method: Method,
    now: datetime,
    *,
    stepped_up: bool = True,
    recovery_codes: tuple[str, ...] = (),
) -> Entered:
    settings = context_of(request).settings.signin
    session, token = sessions.begin(connection, person, method, now=now, settings=settings, stepped_up=stepped_up)
    return Entered(person=person, session=session, token=token, recovery_codes=recovery_codes)


def _no(request: Request, code: str, actor: str, detail: str) -> Problem:
    refused(context_of(request), request, code, actor)
    headers = {"WWW-Authenticate": "Bearer", "Cache-Control": "no-store"}
    return Problem(401, code, detail, headers=headers)
