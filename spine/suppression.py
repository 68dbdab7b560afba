"""Suppression: a deploy, a load test or maintenance makes alarms expected, for a short while.

It lowers the severity by one and holds back the page and every automatic action; it never hides the record.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from spine.clock import aware
from spine.errors import Refused
from spine.ids import TenantId
from spine.incident import IncidentKind
from spine.severity import Severity

LONGEST = timedelta(hours=4)
"""Source: RUNBOOKS 0."""
NEVER_SUPPRESSED = frozenset(
    {"success_after_attack", "accepted_bad_token", "accepted_bad_callback", "confirmed_leak", "break_glass_login"}
)
"""Facts that page whatever was announced. Source: RUNBOOKS 0."""


class Reason(StrEnum):
    """Why alarms are expected."""

    DEPLOY = "deploy"
    LOAD_TEST = "load_test"
    MAINTENANCE = "maintenance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """An announced window of one tenant. `kind` None = all kinds of incident.

    Raises:
        Refused: it ends before it begins, or lasts longer than four hours.
    """

    id: UUID
    tenant_id: TenantId
    reason: Reason
    kind: IncidentKind | None
    owner: str
    note: str
    starts_at: datetime
    ends_at: datetime
    cancelled_at: datetime | None = None

    def __post_init__(self) -> None:
        length = aware(self.ends_at) - aware(self.starts_at)
        if not timedelta(0) < length <= LONGEST:
            raise Refused(
                "suppression.length",
                f"A suppression lasts more than nothing and at most {LONGEST}; this one would last {length}. "
                "Announce a shorter window, and another one when it is needed.",
            )

    def covers(self, kind: IncidentKind, at: datetime) -> bool:
        """True while it holds back incidents of `kind`."""
        end = min(self.ends_at, self.cancelled_at or self.ends_at)
        return self.starts_at <= at < end and self.kind in (None, kind)


def suppressor(
    windows: Iterable[Suppression], kind: IncidentKind, at: datetime, facts: frozenset[str]
) -> Suppression | None:
    """The window that holds back an incident with these facts; None = nothing does, or nothing may."""
    if facts & NEVER_SUPPRESSED:
        return None
    found = [window for window in windows if window.covers(kind, at)]
    return max(found, key=lambda window: (window.ends_at, str(window.id)), default=None)


def lowered(severity: Severity) -> Severity:
    """The severity one step down."""
    return Severity(max(severity - 1, Severity.INFO))
