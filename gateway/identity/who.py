"""What a signed-in browser is told of itself."""

from datetime import datetime
from uuid import UUID

from fastapi import Request, Response
from pydantic import BaseModel
from sqlalchemy import Connection

from gateway.caller import Caller
from gateway.context import context_of
from gateway.grant import scopes_of
from gateway.identity import cookie
from gateway.identity.entry import Entered
from gateway.problem import Problem
from spine.person import Person
from spine.session import Session
from store import passkeys, recovery, sessions


class PersonView(BaseModel):
    """Who is signed in."""

    id: UUID
    email: str
    name: str
    roles: list[str]
    """In the tenant the session acts in."""


class Who(BaseModel):
    """A session, as its own browser sees it."""

    person: PersonView
    tenant: str
    tenants: list[str]
    """Where it may act."""
    scopes: list[str]
    method: str
    csrf: str
    """Send it as `X-CSRF-Token` with every request that changes something."""
    expires_at: datetime
    stepped_up_at: datetime | None
    passkeys: int
    recovery_codes_left: int
    recovery_codes: list[str] = []
    """New ones, now and never again."""


def who(connection: Connection, person: Person, session: Session, recovery_codes: tuple[str, ...] = ()) -> Who:
    """Everything about a session."""
    roles = person.roles_in(session.tenant_id)
    return Who(
        person=PersonView(id=person.id, email=person.email, name=person.name, roles=sorted(roles)),
        tenant=session.tenant_id,
        tenants=list(sessions.tenants_of(connection, person)),
        scopes=sorted(scopes_of(roles)),
        method=session.method,
        csrf=session.csrf,
        expires_at=session.expires_at,
        stepped_up_at=session.stepped_up_at,
        passkeys=len(passkeys.of(connection, person.id)),
        recovery_codes_left=recovery.left(connection, person.id),
        recovery_codes=list(recovery_codes),
    )


def let_in(request: Request, response: Response, entered: Entered | Problem) -> Entered:
    """Give the browser its session, or raise why there is none.

    Raises:
        Problem: whatever stood against it.
    """
    if isinstance(entered, Problem):
        raise entered
    cookie.write(request, response, entered.token)
    cookie.clear(request, response, cookie.CEREMONY)
    cookie.clear(request, response, cookie.VISIT)
    response.headers["Cache-Control"] = "no-store"
    return entered


def session_of(caller: Caller) -> tuple[Person, Session]:
    """The person and session behind a request.

    Raises:
        Problem: 403, a key or a bearer token has none.
    """
    if caller.person is None or caller.session is None:
        detail = "This is about the session of a browser; keys and bearer tokens have none. Sign in to the console."
        raise Problem(403, "session.none", detail)
    return caller.person, caller.session


def stepped(request: Request, response: Response, connection: Connection, caller: Caller, how: str) -> Session:
    """Note a second factor that was accepted; the browser gets a new token."""
    person, session = session_of(caller)
    now = context_of(request).clock.now()
    stronger, token = sessions.step_up(connection, session, person, how, now=now)
    cookie.write(request, response, token)
    cookie.clear(request, response, cookie.CEREMONY)
    return stronger
