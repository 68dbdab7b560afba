"""One stretch of a replay: its database, its clock, and the incidents that opened in it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from spine.detect.entity.sighting import USER
from spine.detect.episode import Cause, quiet_end
from spine.detect.subject import is_everybody
from spine.event import EventLimits
from spine.ids import IncidentId, TenantId
from spine.incident import Incident
from spine.settings import Settings
from spine.severity import Severity
from store import incidents, outcomes
from store.bulk import ingest_frame
from store.embedded import EmbeddedPostgres
from store.engine import Database
from store.migrate import migrate
from store.partition import ensure_days
from store.unknown_now import usual_users
from tasks.advising import Runbooks, advise
from tasks.detecting import tick
from tasks.watch import Watch

MINUTE = timedelta(minutes=1)
DATABASE = "backtest"
_LIMITS = EventLimits(max_age=timedelta(days=20 * 365))
"""The history is as old as it is."""
_TOLD = ("class", "detectors", "addresses", "addresses_total", "users_total", "compromised_total",
         "tenants", "tenants_total")  # fmt: skip
"""What a line tells of an incident's evidence."""
_THROWAWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum_naptime": "15s"}
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Slice:
    """Minutes of a replay: ticks begin at `lead`; incidents that open after `begin` count, up to `end`."""

    lead: datetime
    begin: datetime
    end: datetime

    @property
    def minutes(self) -> int:
        """How many there are, those of the lead included."""
        return round((self.end - self.lead) / MINUTE)


@dataclass(slots=True)
class Report:
    """What a replay found."""

    lines: list[dict[str, Any]] = field(default_factory=list)
    """One per incident, in order of opening, with the evidence as it stood at the end."""
    events: int = 0
    refused: int = 0
    ticks: int = 0
    skipped: int = 0
    """Minutes in which nothing could open (tasks/watch.py)."""


def cluster_in(folder: Path) -> EmbeddedPostgres:
    """The throwaway server of `folder`, not started."""
    return EmbeddedPostgres(folder, settings=_THROWAWAY)


@contextmanager
def warmed(
    folder: Path, table: Any, tenant: TenantId | None, until: datetime
) -> Iterator[tuple[EmbeddedPostgres, int]]:
    """A running server with the schema and the events up to `until` in it, and how many rows that were."""
    with cluster_in(folder) as cluster:
        with _opened(cluster) as database:
            migrate(database)
            with database.owner() as connection:
                days = pc.unique(pc.cast(table.column("occurred_at"), pa.date32())).to_pylist()
                ensure_days(connection, set(days))
            position = _end(table, until)
            _ingest(database, table.slice(0, position), tenant, until)
        yield cluster, position


@contextmanager
def _opened(cluster: EmbeddedPostgres) -> Iterator[Database]:
    database = Database(cluster.create_database(DATABASE), pool_size=2, application="backtest")
    try:
        yield database
    finally:
        database.close()


def _end(table: Any, until: datetime) -> int:
    """How many of the rows, which are in order of time, are not after `until`."""
    return int(pd.Series(table.column("occurred_at").to_pandas()).searchsorted(pd.Timestamp(until), side="right"))


def _ingest(database: Database, rows: Any, tenant: TenantId | None, now: datetime) -> int:
    """Takes rows in; returns how many were refused."""
    return ingest_frame(database, rows, tenant_id=tenant, now=now, limits=_LIMITS).refused if rows.num_rows else 0


@dataclass(slots=True, kw_only=True)
class Replay:
    """What is replayed, and how; `played` may be called once per slice, in a process of its own."""

    table: Any
    """Arrow, in order of time."""
    settings: Settings
    tenant: TenantId | None
    history: bool
    """Whether there are baselines to be made before the first tick."""
    position: int
    """Rows that are in the database already."""

    def played(self, cluster: EmbeddedPostgres, slice_: Slice, runbooks: Runbooks, progress: Progress) -> Report:
        """Tick through one slice, in the running server `cluster`."""
        with _opened(cluster) as database:
            run = _Run(self, database, slice_, runbooks)
            run.begin()
            run.through(progress)
            return run.told()


class _Run:
    """The state of one slice while it is played."""

    def __init__(self, replay: Replay, database: Database, slice_: Slice, runbooks: Runbooks) -> None:
        self.replay, self.database, self.slice, self.runbooks = replay, database, slice_, runbooks
        self.settings = replay.settings
        self.times = replay.table.column("occurred_at").to_pandas()
        self.position = replay.position
        self.now = slice_.lead
        self.report = Report(events=replay.table.num_rows)
        self.opened: dict[IncidentId, tuple[datetime, Severity]] = {}
        self.live: dict[IncidentId, Incident] = {}
        self.users: dict[tuple[TenantId, str], str] = {}
        self.advice: dict[IncidentId, dict[str, Any]] = {}

    def begin(self) -> None:
        """Take in what happened before the slice, and let its baselines be made."""
        self._ingest()
        if self.replay.history or self.slice.begin > self.slice.lead:
            tick(self.database, self.settings, self.now)
        rows = self.replay.table.drop_columns(["id"]) if "id" in self.replay.table.column_names else self.replay.table
        events = rows.to_pandas()
        named = events.assign(tenant_id=self.replay.tenant) if self.replay.tenant else events
        self.watch = Watch(named, self.settings.detect, self.now, self.slice.minutes)

    def through(self, progress: Progress) -> None:
        """One tick a minute, where one may find something, to the end of the slice."""
        for done in range(self.watch.minutes):
            before, self.now = self.now, self.now + MINUTE
            if self.watch.due(self.now, self._ends()):
                self._ingest()
                self._tick(before)
                if self.now.minute == 0:
                    with self.database.system() as connection:
                        self.watch.learn(usual_users(connection, self.now))
            else:
                self.report.skipped += 1
            progress(done + 1, self.watch.minutes)

    def told(self) -> Report:
        """The report, with each incident's evidence as it stands now."""
        with self.database.system() as connection:
            for identity, (at, severity) in self.opened.items():
                incident = incidents.get(connection, identity)
                evidence = {name: incident.summary[name] for name in _TOLD if name in incident.summary}
                self.report.lines.append(
                    {
                        "type": incident.kind.value,
                        "tenant_id": None if is_everybody(incident.subject) else incident.tenant_id,
                        "subject": incident.subject,
                        "opened_at": at.isoformat(),
                        **self._user_of(incident),
                        "severity": severity.value,
                        "incident_id": str(identity),
                        **({"advice": self.advice[identity]} if identity in self.advice else {}),
                        "evidence": evidence,
                        "opening": outcomes.opening(connection, identity),
                        "worst": incident.severity.value,
                    }
                )
        self.report.lines.sort(key=lambda line: line["opened_at"])
        return self.report

    def _tick(self, before: datetime) -> None:
        result = tick(self.database, self.settings, self.now)
        self.report.ticks += 1
        self.users |= {(f.tenant_id, f.subject): f.users[0] for f in result.findings if f.subject.startswith(USER)}
        for opening in result.openings:
            self.live[opening.incident.id] = opening.incident
            if opening.opened and self.now > self.slice.begin:
                self._note(opening.incident, min(max(opening.held_at, before), self.now))
        for incident in result.ended:
            self.live.pop(incident.id, None)

    def _note(self, incident: Incident, at: datetime) -> None:
        self.opened[incident.id] = (at, incident.severity)
        advice = advise(self.database, self.settings, self.runbooks, incident, self.now)
        if advice:
            self.advice[incident.id] = advice

    def _user_of(self, incident: Incident) -> dict[str, str]:
        """The user an incident is about, by the application's own id; nothing where it is about the tenant."""
        user = self.users.get((incident.tenant_id, incident.subject))
        return {"user_id": user} if user else {}

    def _ends(self) -> dict[Cause, datetime]:
        settings = self.settings.detect.episode
        return {Cause(i.tenant_id, i.kind, i.subject): quiet_end(i, settings) for i in self.live.values()}

    def _ingest(self) -> None:
        end = int(self.times.searchsorted(pd.Timestamp(self.now), side="right"))
        if end > self.position:
            rows = self.replay.table.slice(self.position, end - self.position)
            self.report.refused += _ingest(self.database, rows, self.replay.tenant, self.now)
            self.position = end
