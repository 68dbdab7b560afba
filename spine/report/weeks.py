"""Everything that was read about a tenant's last weeks, from which the weekly summary is made."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from spine.approval import Approval
from spine.audit import AuditAction
from spine.errors import Broken
from spine.ids import TenantId
from spine.incident import Incident, IncidentKind
from spine.report.account import Account
from spine.report.citation import Entries, Entry, some
from spine.report.term import Term
from spine.settings.report import ReportSettings
from spine.verdict import Outcome

WEEK = timedelta(weeks=1)
_A = AuditAction


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """The last passed drill of a kind, in which something opened."""

    kind: IncidentKind
    name: str
    at: datetime
    entry: Entry | None
    """None = the trail of this tenant does not tell of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weeks:
    """A tenant's incidents of the last weeks, and what hangs on them. Drills are left out."""

    tenant: TenantId
    incidents: tuple[Incident, ...]
    """Those that opened within the weeks, oldest first."""
    trail: tuple[Entry, ...]
    """Entries about them, by number; those whose hash is wrong are left out."""
    broken: tuple[int, ...]
    latest: Entry
    """The last entry of the whole chain: until then nothing else was recorded."""
    accounts: tuple[Account, ...]
    """Of those that opened within the last week."""
    approvals: tuple[Approval, ...]
    """Asked for within the last week."""
    rehearsed: tuple[Rehearsed, ...]
    fresh_days: float
    """So long a drill counts."""
    settings: ReportSettings
    made_at: datetime

    @property
    def starts(self) -> tuple[datetime, ...]:
        """When each week begins, the last one last: a week is seven days back from now."""
        count = self.settings.trend_weeks
        return tuple(self.made_at - WEEK * (count - index) for index in range(count))

    def opened_in(self, start: datetime, kind: IncidentKind | None = None) -> tuple[Incident, ...]:
        """Incidents that opened in the week after `start`, its end included: the last one ends now."""
        mine = (one for one in self.incidents if start < one.opened_at <= start + WEEK)
        return tuple(one for one in mine if kind in (None, one.kind))

    def about(self, incidents: Iterable[Incident], action: AuditAction, outcome: str = "") -> list[Entry]:
        """The first entry of `action` (with `outcome`) of each of `incidents`."""
        found: dict[UUID, Entry] = {}
        for one in self.trail:
            if one.action is action and one.incident_id and outcome in ("", one.outcome):
                found.setdefault(one.incident_id, one)
        return [found[incident.id] for incident in incidents if incident.id in found]

    def resting(self, entries: Sequence[Entry]) -> Entries:
        """`entries`, or where there are none the latest one of the chain."""
        return some(entries) or (self.latest,)


@dataclass(frozen=True, slots=True)
class Mean:
    """How long something took on average, of how many, and what it rests on."""

    seconds: float | None
    count: int
    entries: tuple[Entry, ...]


def took(incident: Incident, term: Term) -> timedelta | None:
    """How long `term` was for one incident; None = it never got so far."""
    until = {
        Term.TTD: incident.opened_at, Term.TTA: incident.acknowledged_at, Term.TTM: incident.mitigated_at,
        Term.TTR: incident.resolved_at,
    }[term]  # fmt: skip
    since = incident.first_event_at if term is Term.TTD else incident.opened_at
    return None if until is None else max(until - since, timedelta(0))


def mean(weeks: Weeks, incidents: Sequence[Incident], term: Term) -> Mean:
    """The mean of `term` over those of `incidents` that got so far."""
    reached = [(one, length) for one in incidents if (length := took(one, term)) is not None]
    if not reached:
        return Mean(None, 0, ())
    mine = [one for one, _ in reached]
    action, outcome = {
        Term.TTD: (_A.INCIDENT_OPENED, ""), Term.TTA: (_A.INCIDENT_UPDATED, "acknowledged"),
        Term.TTM: (_A.VERIFICATION_COMPLETED, Outcome.FIXED.value), Term.TTR: (_A.INCIDENT_CLOSED, ""),
    }[term]  # fmt: skip
    entries = {one.seq: one for one in (*weeks.about(mine, _A.INCIDENT_OPENED), *weeks.about(mine, action, outcome))}
    total = sum((length for _, length in reached), timedelta(0))
    return Mean(total.total_seconds() / len(reached), len(reached), tuple(entries.values()))


def latest_of(entry: Entry | None, tenant: TenantId) -> Entry:
    """`entry`, the end of a chain.

    Raises:
        Broken: there is none that is sound.
    """
    if entry is None:
        raise Broken(
            f"The audit trail of tenant {tenant} is empty, or its last entry was changed, so no summary can rest on "
            "it. `opsspine audit verify` shows which it is; a tenant without any event has no summary."
        )
    return entry
