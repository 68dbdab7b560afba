"""`/api/ops/session`: sign in, look at oneself, show a second factor, change tenant, sign out."""

from base64 import b64encode
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway import ratelimit
from gateway.auth import refused
from gateway.caller import Caller, calling
from gateway.context import context_of
from gateway.identity import cookie, entry, factor, passkey
from gateway.identity.csrf import same_site
from gateway.identity.factor import Shown, vault_of
from gateway.identity.who import Who, let_in, session_of, stepped, who
from gateway.problem import Problem
from spine.ids import TenantId
from store import ceremonies, passkeys, sessions
from store.ceremonies import Ceremony

router = APIRouter(prefix="/api/ops/session", tags=["session"])
Known = Annotated[Caller, Depends(calling())]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class LinkSignIn(Shown):
    """A signed link's token and a second factor."""

    token: str = Field(max_length=256)


class RecoverySignIn(_Body):
    """A recovery code and a code of the authenticator."""

    email: str = Field(max_length=320)
    recovery_code: str = Field(max_length=64)
    code: str = Field(max_length=16)


class PasskeySignIn(_Body):
    """What navigator.credentials.get() gave, as JSON."""

    credential: dict[str, Any]


class Act(_Body):
    """The tenant to act in."""

    tenant: str = Field(max_length=128)


class Ended(BaseModel):
    """How many sessions were ended."""

    ended: int


@router.get("")
def look(request: Request, caller: Known) -> Who:
    """Who is signed in, where they may act, and the CSRF token of the session."""
    person, session = session_of(caller)
    with context_of(request).database.system() as connection:
        return who(connection, person, session)


@router.post("/link", dependencies=[Depends(same_site)])
def by_link(request: Request, response: Response, body: LinkSignIn) -> Who:
    """Sign in by a link that an operator made, and a second factor. The link is used up by success alone."""
    shown = Shown(code=body.code, recovery_code=body.recovery_code)
    return _entered(request, response, entry.by_link(request, body.token, shown))


@router.post("/recovery", dependencies=[Depends(same_site)])
def by_recovery(request: Request, response: Response, body: RecoverySignIn) -> Who:
    """Sign in by a recovery code and a code of the authenticator."""
    return _entered(request, response, entry.by_recovery(request, body.email, body.recovery_code, body.code))


@router.post("/passkey/options", dependencies=[Depends(same_site)])
def passkey_options(request: Request, response: Response) -> dict[str, Any]:
    """What to give navigator.credentials.get() as `publicKey` to sign in. No address is asked for."""
    context = context_of(request)
    now = context.clock.now()
    ratelimit.by_address(request)
    with context.database.system() as connection:
        options, challenge = passkey.assertion(passkey.Site.of(context.settings), [])
        value = ceremonies.begin(
            connection, Ceremony.PASSKEY_SIGN_IN, {"challenge": b64encode(challenge).decode()},
            vault=vault_of(context), now=now, lasts=timedelta(minutes=context.settings.signin.ceremony_minutes),
        )  # fmt: skip
    cookie.write(request, response, value, cookie.CEREMONY)
    return options


@router.post("/passkey", dependencies=[Depends(same_site)])
def by_passkey(request: Request, response: Response, body: PasskeySignIn) -> Who:
    """Sign in by a passkey, which is both factors."""
    return _entered(request, response, entry.by_passkey(request, body.credential))


@router.post("/step-up/options")
def step_up_options(request: Request, response: Response, caller: Known) -> dict[str, Any]:
    """What to give navigator.credentials.get() as `publicKey` to show a second factor."""
    person, _ = session_of(caller)
    context = context_of(request)
    with context.database.system() as connection:
        known = passkeys.of(connection, person.id)
        if not known:
            raise Problem(409, "passkey.none", "You have no passkey here. Use a code of your authenticator.")
        options, challenge = passkey.assertion(passkey.Site.of(context.settings), known)
        value = ceremonies.begin(
            connection, Ceremony.PASSKEY_STEP_UP, {"challenge": b64encode(challenge).decode()},
            vault=vault_of(context), now=context.clock.now(), person=person.id,
            lasts=timedelta(minutes=context.settings.signin.ceremony_minutes),
        )  # fmt: skip
    cookie.write(request, response, value, cookie.CEREMONY)
    return options


@router.post("/step-up")
def step_up(request: Request, response: Response, caller: Known, body: Shown) -> Who:
    """Show a second factor. The session's token changes; its CSRF token stays."""
    person, _ = session_of(caller)
    context = context_of(request)
    now = context.clock.now()
    with context.database.system() as connection:
        ratelimit.by_person(request, connection, person.id, now=now)
        result = factor.check(request, connection, person, body, now)
        if not isinstance(result, Problem):
            return who(connection, person, stepped(request, response, connection, caller, result.how))
    refused(context, request, result.code, caller.actor, caller.tenant)
    raise result


@router.post("/tenant")
def act_in(request: Request, caller: Known, body: Act) -> Who:
    """Act in another tenant from now on, one in which the person has a role."""
    person, session = session_of(caller)
    context = context_of(request)
    with context.database.system() as connection:
        if body.tenant not in sessions.tenants_of(connection, person):
            raise Problem(404, "tenant.unknown", "You have no role in a tenant of this name.")
        moved = sessions.act_in(connection, session, person, TenantId(body.tenant), now=context.clock.now())
        return who(connection, person, moved)


@router.delete("")
def sign_out(request: Request, response: Response, caller: Known) -> Ended:
    """End this session."""
    person, session = session_of(caller)
    context = context_of(request)
    with context.database.system() as connection:
        sessions.end(connection, session, person, now=context.clock.now())
    cookie.clear(request, response)
    return Ended(ended=1)


@router.delete("/others")
def end_others(request: Request, caller: Known) -> Ended:
    """End every other session of the person."""
    person, session = session_of(caller)
    context = context_of(request)
    with context.database.system() as connection:
        return Ended(ended=sessions.end_others(connection, session, person, now=context.clock.now()))


def _entered(request: Request, response: Response, entered: entry.Entered | Problem) -> Who:
    inside = let_in(request, response, entered)
    with context_of(request).database.system() as connection:
        return who(connection, inside.person, inside.session, inside.recovery_codes)
