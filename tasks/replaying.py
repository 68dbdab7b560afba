"""A drill's evidence, looked at by the product's own ticks on the drill's own clock.

In a throwaway database, so that no real window, baseline or incident is touched: there the drill's events are real.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from spine.event import Event
from spine.finding import Finding
from spine.ids import TenantId
from spine.incident import IncidentKind
from spine.settings import Settings
from spine.severity import Severity
from store.engine import Database
from store.ingest import ingest
from tasks.detecting import tick

MINUTE = timedelta(minutes=1)
_Key = tuple[IncidentKind, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An incident that opened in the replay."""

    kind: IncidentKind
    subject: str
    severity: Severity
    """Once all evidence was in."""
    at: datetime
    """When the tick ran that opened it, by the drill's clock."""
    first_event_at: datetime


@dataclass(slots=True)
class Replayed:
    """What the ticks of a drill found."""

    opened: list[Opened] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    """The latest of every detector on every cause, if any of that cause opened an incident."""
    ticks: int = 0

    def of(self, kind: IncidentKind) -> list[Opened]:
        """The incidents of one kind, earliest first."""
        return [one for one in self.opened if one.kind is kind]


def replay(
    database: Database, tenant: TenantId, events: Sequence[Event], settings: Settings, *, end: datetime, minutes: int
) -> Replayed:
    """Tick once a minute through the last `minutes` before `end`; what happened earlier is the tenant's past.

    `database` is empty before and of no use after; `events` are all of `tenant`, and none is marked as synthetic.
    """
    ordered = sorted(events, key=lambda event: (event.occurred_at, event.id))
    times = [event.occurred_at for event in ordered]
    found: dict[_Key, Finding] = {}
    done, position, now = Replayed(), 0, end - minutes * MINUTE
    first: dict[tuple[IncidentKind, str], Opened] = {}
    while now <= end:
        before, position = position, bisect_right(times, now)
        ingest(database, tenant, ordered[before:position])
        result = tick(database, settings, now)
        done.ticks += 1
        mine = [f for f in result.findings if f.tenant_id == tenant]
        found |= {(f.kind, f.subject, f.detector): f for f in mine if f.last_event_at is not None}
        for opening in result.openings:
            incident = opening.incident
            if incident.tenant_id == tenant:
                known = first.get((incident.kind, incident.subject))
                first[incident.kind, incident.subject] = Opened(
                    kind=incident.kind, subject=incident.subject, severity=incident.severity,
                    at=known.at if known else now, first_event_at=incident.first_event_at,
                )  # fmt: skip
        now += MINUTE
    done.opened = sorted(first.values(), key=lambda one: one.at)
    done.findings = [f for (kind, subject, _), f in found.items() if (kind, subject) in first]
    return done
