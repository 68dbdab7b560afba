"""`/api/ops/session/…`: one's own passkeys, authenticator and recovery codes. Changing any needs a fresh step-up."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from gateway.caller import Caller, calling, stepped_up
from gateway.context import context_of
from gateway.identity import cookie, entry, own
from gateway.identity.who import session_of
from gateway.problem import Problem
from store import passkeys
from store.passkeys import Passkey

router = APIRouter(prefix="/api/ops/session", tags=["session"])
Known = Annotated[Caller, Depends(calling())]


class PasskeyView(BaseModel):
    """One passkey of one's own."""

    id: str
    name: str
    synced: bool
    """It lives on more than one device."""
    created_at: datetime
    last_used_at: datetime | None

    @classmethod
    def of(cls, one: Passkey) -> "PasskeyView":
        """As its owner sees it."""
        return cls(
            id=bytes_to_base64url(one.id), name=one.name, synced=one.synced, created_at=one.created_at,
            last_used_at=one.last_used_at,
        )  # fmt: skip


class NewPasskey(BaseModel):
    """What navigator.credentials.create() gave, as JSON, and a name for it."""

    model_config = ConfigDict(extra="forbid")
    credential: dict[str, Any]
    name: str = Field(default="", max_length=60, examples=["work laptop"])


class FirstCode(BaseModel):
    """The first code of a new authenticator."""

    model_config = ConfigDict(extra="forbid")
    code: str = Field(max_length=16)


class EnrolmentView(BaseModel):
    """A new authenticator, to be scanned now."""

    uri: str
    secret: str
    svg: str


class Codes(BaseModel):
    """New recovery codes: shown now and never again."""

    recovery_codes: list[str]


@router.get("/passkeys")
def list_passkeys(request: Request, caller: Known) -> list[PasskeyView]:
    """One's own passkeys."""
    person, _ = session_of(caller)
    with context_of(request).database.system() as connection:
        return [PasskeyView.of(one) for one in passkeys.of(connection, person.id)]


@router.post("/passkeys/options")
def passkey_options(request: Request, response: Response, caller: Known) -> dict[str, Any]:
    """What to give navigator.credentials.create() as `publicKey`."""
    person, _ = session_of(caller)
    stepped_up(caller, request)
    with context_of(request).database.system() as connection:
        options, value = own.begin_passkey(request, connection, person)
    cookie.write(request, response, value, cookie.CEREMONY)
    return options


@router.post("/passkeys", status_code=201)
def add_passkey(request: Request, response: Response, caller: Known, body: NewPasskey) -> PasskeyView:
    """Keep a new passkey."""
    person, _ = session_of(caller)
    stepped_up(caller, request)
    with context_of(request).database.system() as connection:
        made = own.add_passkey(request, connection, person, body.credential, body.name)
    if isinstance(made, Problem):
        raise made
    cookie.clear(request, response, cookie.CEREMONY)
    return PasskeyView.of(made)


@router.delete("/passkeys/{credential}", status_code=204)
def remove_passkey(request: Request, caller: Known, credential: str) -> None:
    """Forget a passkey."""
    person, _ = session_of(caller)
    stepped_up(caller, request)
    context = context_of(request)
    with context.database.system() as connection:
        if not passkeys.remove(connection, credential_id(credential), person, now=context.clock.now()):
            raise Problem(404, "passkey.unknown", "You have no such passkey.")


@router.post("/totp")
def begin_totp(request: Request, response: Response, caller: Known) -> EnrolmentView:
    """Begin to set up another authenticator. The one in use stays until the new one's first code came."""
    person, _ = session_of(caller)
    stepped_up(caller, request)
    with context_of(request).database.system() as connection:
        made = own.begin_totp(request, connection, person)
    cookie.write(request, response, made.ceremony, cookie.CEREMONY)
    response.headers["Cache-Control"] = "no-store"
    return EnrolmentView(uri=made.uri, secret=made.secret, svg=made.svg)


@router.put("/totp")
def confirm_totp(request: Request, response: Response, caller: Known, body: FirstCode) -> Codes:
    """Take the new authenticator into use by its first code; the old one and the old recovery codes end."""
    person, _ = session_of(caller)
    stepped_up(caller, request)
    context = context_of(request)
    with context.database.system() as connection:
        codes = entry.enrol(request, connection, person, body.code, context.clock.now())
    if isinstance(codes, Problem):
        raise codes
    cookie.clear(request, response, cookie.CEREMONY)
    response.headers["Cache-Control"] = "no-store"
    return Codes(recovery_codes=list(codes))


@router.post("/recovery-codes")
def new_recovery_codes(request: Request, response: Response, caller: Known) -> Codes:
    """Get new recovery codes; the old ones end."""
    person, _ = session_of(caller)
    stepped_up(caller, request)
    with context_of(request).database.system() as connection:
        codes = own.new_recovery_codes(request, connection, person)
    response.headers["Cache-Control"] = "no-store"
    return Codes(recovery_codes=codes)


def credential_id(text: str) -> bytes:
    """The id of a passkey as it is written in addresses; of what is none, one that nobody has."""
    try:
        return base64url_to_bytes(text)
    except ValueError:
        return b""
