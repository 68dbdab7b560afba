"""What is known of a tenant's identity provider, as guards need it. Looked up by tasks/identity/fact.py."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from spine.errors import Transient


class Operation(StrEnum):
    """What an identity provider may be able to do."""

    LOCK = "lock"
    END_SESSIONS = "end_sessions"
    END_ALL_SESSIONS = "end_all_sessions"
    FORCE_RESET = "force_reset"
    ROLES = "roles"


class LookUp(StrEnum):
    """What an action's guards want to be asked of the world before they judge."""

    PROVIDER = "provider"
    """Whether there is one, and what it can; nobody is called."""
    ADMINS = "admins"
    MAIL = "mail"


class Slowed(Transient):
    """The other side asks for patience, or this round's time is over: go on later, it costs no attempt."""

    def __init__(self, message: str, *, retry_after: timedelta = timedelta()) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True, kw_only=True)
class MailHealth:
    """What became of the tenant's reset mails lately."""

    delivered: int
    failed: int
    incident: bool
    """True while an incident of e-mail is open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityFacts:
    """The look-ups. None = it was not asked, or the answer did not come."""

    provider: str
    """What it is and where, for people; "" = there is none, and `problem` says what to configure."""
    problem: str = ""
    can: frozenset[Operation] = frozenset()
    own: bool = False
    """True when no other tenant shares the provider."""
    elsewhere: tuple[str, ...] = ()
    """Of an incident of everybody: tenants whose sessions are at other providers."""
    webhook: bool = False
    """True when signed webhooks reach the application."""
    able: frozenset[str] | None = None
    """Administrators who are not locked, as events name them, in lower case; of very many only some."""
    break_glass: frozenset[str] | None = None
    """Emergency accounts, in lower case."""
    operators: frozenset[str] | None = None
    logins_per_minute: float | None = None
    honours_not_before: bool = False
    mail: MailHealth | None = None


STAND_IN = IdentityFacts(
    provider="the drill's stand-in",
    can=frozenset(Operation),
    own=True,
    webhook=True,
    able=frozenset({"drill-admin-1", "drill-admin-2"}),
    break_glass=frozenset({"drill-break-glass"}),
    operators=frozenset({"drill-operator"}),
    logins_per_minute=1000.0,
    honours_not_before=True,
    mail=MailHealth(delivered=100, failed=0, incident=False),
)
"""What a drill is told: it asks nobody. Two administrators, so that neither may lose the role."""
