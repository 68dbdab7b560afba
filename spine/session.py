"""Sessions of people: how they began and when they are over. Pure; store/sessions.py keeps them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from spine.ids import PersonId, TenantId
from spine.settings.signin import SigninSettings


class Method(StrEnum):
    """What somebody showed to sign in."""

    PASSKEY = "passkey"
    """A passkey with user verification: two factors at once."""
    OIDC = "oidc"
    """The organisation's identity provider said who it is."""
    LINK = "link"
    """A signed link, good once, that an operator made, and a code."""
    RECOVERY = "recovery"
    """A recovery code and a code of the authenticator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One signed-in browser."""

    id: UUID
    person_id: PersonId
    tenant_id: TenantId
    """Where it acts now."""
    method: Method
    csrf: str
    """What its forms carry. It stays when the token changes: pages that are open elsewhere go on working."""
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    stepped_up_at: datetime | None

    def over(self, now: datetime, settings: SigninSettings) -> bool:
        """True when it was left idle too long, or has lasted as long as any may."""
        return now >= self.expires_at or now - self.last_seen_at >= timedelta(minutes=settings.idle_minutes)


def fresh(stepped_up_at: datetime | None, now: datetime, max_age: timedelta) -> bool:
    """True when a second factor was shown no longer than `max_age` ago; one from the future counts for nothing."""
    return stepped_up_at is not None and timedelta(0) <= now - stepped_up_at <= max_age
