"""Links by which a person signs in once: made by an operator, for the first time and for when all else is lost."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from spine.audit import AuditAction
from spine.errors import Refused
from spine.ids import NO_TENANT
from spine.person import Person
from spine.settings import Settings
from store import audit, links
from store.secrets import Vault
from store.stepup import never_used

_PATH = "/admin/auth-ops/sign-in/link"


@dataclass(frozen=True, slots=True)
class SigninLink:
    """A link that was just made."""

    token: str
    enrols: bool
    """True when it sets up a new authenticator instead of asking for the one there is."""


def issue(
    connection: Connection,
    person: Person,
    *,
    settings: Settings,
    lasts: timedelta,
    actor: str,
    now: datetime,
    enrols: bool | None = None,
) -> SigninLink:
    """Make a link for `person`. `enrols` unset: it does where they have never shown a second factor.

    Raises:
        Refused: the person is disabled.
    """
    if person.disabled_at is not None:
        raise Refused("person.disabled", f"{person.email} is disabled. `opsspine people add` brings them back first.")
    sets_up = never_used(connection, person.id) if enrols is None else enrols
    subject = {"person": str(person.id), "enrols": sets_up}
    token = links.issue(connection, "sign-in", subject, vault=Vault.of(settings), now=now, lasts=lasts)
    audit.append(
        connection, NO_TENANT, AuditAction.POLICY_CHANGED, actor=actor, at=now,
        subject=f"person:{person.email}", after={"invited": True, "sets_up_second_factor": sets_up},
    )  # fmt: skip
    return SigninLink(token, sets_up)


def url(link: SigninLink, settings: Settings) -> str:
    """Where it leads."""
    return f"{settings.gateway.url}{_PATH}?token={link.token}"
