"""Second factors as they are shown: a code of the authenticator, a recovery code, or a passkey."""

from base64 import b64decode
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from gateway.context import Context, context_of
from gateway.identity import cookie, passkey
from gateway.problem import Problem
from spine.errors import Broken
from spine.person import Person
from store import ceremonies
from store.ceremonies import Ceremony
from store.secrets import Vault
from store.stepup import StepUp, recover, step_up


class Shown(BaseModel):
    """One second factor."""

    model_config = ConfigDict(extra="forbid")

    code: str = Field(default="", max_length=16, description="Six digits of the authenticator", examples=["123456"])
    recovery_code: str = Field(default="", max_length=64, description="A recovery code instead; good once")
    credential: dict[str, Any] | None = Field(
        default=None, description="What navigator.credentials.get() gave, as JSON"
    )


@dataclass(frozen=True, slots=True)
class Accepted:
    """The factor holds."""

    how: str
    """`totp`, `recovery` or `passkey`."""


_SAYS = {
    StepUp.REFUSED: (401, "stepup.refused", "That was not accepted. Wait for the next code and use it once."),
    StepUp.LOCKED: (429, "stepup.locked", "Too many wrong codes. Wait some minutes, then try again."),
    StepUp.NOT_ENROLLED: (
        401,
        "stepup.not_enrolled",
        "You have no authenticator here. Ask an operator for a link: `opsspine people invite <your address>`.",
    ),
    StepUp.UNAVAILABLE: (
        503,
        "stepup.unavailable",
        "Codes cannot be checked now, so nothing was done. An operator must restore the secret key.",
    ),
}


def check(request: Request, connection: Connection, person: Person, shown: Shown, now: datetime) -> Accepted | Problem:
    """Check one factor of `person` and use it up. Commit also on a no: it counts."""
    if shown.credential is not None:
        return _passkey(request, connection, person, shown.credential, now)
    settings = context_of(request).settings
    if shown.recovery_code:
        how, result = "recovery", recover(connection, person.id, shown.recovery_code, now=now, settings=settings)
    else:
        how, result = "totp", step_up(connection, person.id, shown.code, now=now, settings=settings)
    return Accepted(how) if result is StepUp.ACCEPTED else refusal(result)


def refusal(result: StepUp) -> Problem:
    """What is answered to a factor that was not accepted."""
    status, code, detail = _SAYS[result]
    headers = {"Cache-Control": "no-store"}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer error="insufficient_user_authentication"'
    if status == 429:
        headers["Retry-After"] = "60"
    return Problem(status, code, detail, headers=headers)


def vault_of(context: Context) -> Vault:
    """The vault.

    Raises:
        Problem: 503, it does not open.
    """
    try:
        return Vault.of(context.settings)
    except Broken as error:
        raise Problem(503, "vault.closed", f"Nobody can sign in now. {error}") from error


def _passkey(
    request: Request, connection: Connection, person: Person, credential: dict[str, Any], now: datetime
) -> Accepted | Problem:
    context = context_of(request)
    begun = ceremonies.finish(
        connection, Ceremony.PASSKEY_STEP_UP, cookie.read(request, cookie.CEREMONY), vault=vault_of(context), now=now
    )
    if begun is None or begun.person_id != person.id:
        return refusal(StepUp.REFUSED)
    challenge = b64decode(begun.content["challenge"])
    shown = passkey.asserted(connection, passkey.Site.of(context.settings), credential, challenge, now=now)
    return Accepted("passkey") if shown and shown.person_id == person.id else refusal(StepUp.REFUSED)
