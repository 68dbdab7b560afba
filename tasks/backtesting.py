"""Backtest: a file of past events, replayed through the product's own path, minute by minute.

The same ingest, rollups, detectors, grouping and settings as in production; only the clock is the replay's, and
the database a temporary one. Nothing looks ahead: a tick at 10:00 sees what had occurred by 10:00.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from spine.detect.entity.sighting import USER
from spine.detect.episode import Cause, quiet_end
from spine.detect.subject import is_everybody
from spine.event import EventLimits
from spine.ids import IncidentId, TenantId
from spine.incident import Incident
from spine.settings import Settings
from spine.severity import Severity
from store import incidents
from store.bulk import ingest_frame
from store.columnar import FrameCheck
from store.embedded import EmbeddedPostgres
from store.engine import Database
from store.migrate import migrate
from store.partition import ensure_days
from store.source import Source
from store.unknown_now import usual_users
from tasks.advising import Runbooks, advise
from tasks.detecting import tick
from tasks.watch import Watch

MINUTE = timedelta(minutes=1)
_LIMITS = EventLimits(max_age=timedelta(days=20 * 365))
"""The history is as old as it is."""
_TOLD = ("class", "detectors", "addresses", "addresses_total", "users_total", "compromised_total",
         "tenants", "tenants_total")  # fmt: skip
"""What a line tells of an incident's evidence."""
_THROWAWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum_naptime": "15s"}
Progress = Callable[[int, int], None]


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


def load(source: Source, progress: Callable[[float], None] = lambda share: None) -> tuple[pd.DataFrame, int]:
    """The good rows of a file, checked as ingest checks them, and the number of refused ones."""
    check = FrameCheck(tenant=source.tenant, now=source.now, limits=source.limits, timezone=source.timezone)
    tables, refused = [], 0
    for table in source.tables(progress):
        checked = check.check(table)
        tables.append(_encoded(checked.table))
        refused += len(checked.refused)
    if not tables:
        return pd.DataFrame({"occurred_at": pd.to_datetime([], utc=True)}), refused
    return pa.concat_tables(tables).unify_dictionaries().to_pandas(self_destruct=True), refused


def _encoded(table: Any) -> Any:
    """Texts that occur again and again as numbers: a file of millions of events is to fit in memory."""
    columns = {
        name: column.dictionary_encode() if name != "id" and pa.types.is_string(column.type) else column
        for name, column in zip(table.column_names, table.columns, strict=True)
    }
    return pa.table(columns)


def default_history_days(events: pd.DataFrame) -> float:
    """28 where the events reach further than that; else 0: floors alone, from the first event on."""
    span = events["occurred_at"].max() - events["occurred_at"].min()
    return 28.0 if span > timedelta(days=28) else 0.0


def backtest(
    events: pd.DataFrame,
    settings: Settings,
    *,
    tenant: TenantId | None = None,
    history_days: float | None = None,
    runbooks: Runbooks | None = None,
    progress: Progress = lambda done, total: None,
) -> Report:
    """Replay `events` (the columns of an event, `occurred_at` aware) and tell which incidents would have opened.

    `tenant` None takes each row's own tenant. The first `history_days` only feed the baselines; None takes
    `default_history_days`. With `runbooks`, each line tells as `advice` what the engine would have proposed.
    `progress` is told minutes done, and how many there are.
    """
    if events.empty:
        return Report()
    if not events["occurred_at"].is_monotonic_increasing:
        events = events.sort_values("occurred_at", kind="stable")
    days = default_history_days(events) if history_days is None else history_days
    with _database() as database:
        replay = _Replay(database, settings, tenant, events, runbooks or {})
        replay.warm(days)
        watch = replay.watch(events)
        del events
        replay.run(watch, progress)
        return replay.finish()


@contextmanager
def _database() -> Iterator[Database]:
    folder = Path(tempfile.mkdtemp(prefix="opsspine-backtest-"))
    folder.chmod(0o755)
    try:
        with EmbeddedPostgres(folder, settings=_THROWAWAY) as server:
            database = Database(server.create_database("backtest"), pool_size=2, application="backtest")
            migrate(database)
            yield database
            database.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Replay:
    def __init__(
        self, database: Database, settings: Settings, tenant: TenantId | None, events: pd.DataFrame, runbooks: Runbooks
    ) -> None:
        self.database, self.settings, self.tenant, self.runbooks = database, settings, tenant, runbooks
        self.times = events["occurred_at"].reset_index(drop=True)
        self.table = pa.Table.from_pandas(events, preserve_index=False)
        self.position = 0
        self.report = Report(events=len(events))
        self.opened: dict[IncidentId, tuple[datetime, Severity]] = {}
        self.live: dict[IncidentId, Incident] = {}
        self.users: dict[tuple[TenantId, str], str] = {}
        self.advice: dict[IncidentId, dict[str, Any]] = {}

    def warm(self, days: float) -> None:
        """Ingest the history in one go, and set the clock behind it."""
        first = self.times.iloc[0].floor("min")
        self.now = (first + timedelta(days=days)).to_pydatetime()
        with self.database.owner() as connection:
            ensure_days(connection, {day.date() for day in self.times.dt.floor("D").unique()})
        self._ingest(self.now)
        if days:
            tick(self.database, self.settings, self.now)

    def run(self, watch: Watch, progress: Progress) -> None:
        """One tick a minute until the last event has been seen."""
        for done in range(watch.minutes):
            before, self.now = self.now, self.now + MINUTE
            if watch.due(self.now, self._ends()):
                self._ingest(self.now)
                self._tick(before)
                if self.now.minute == 0:
                    with self.database.system() as connection:
                        watch.learn(usual_users(connection, self.now))
            else:
                self.report.skipped += 1
            progress(done + 1, watch.minutes)

    def watch(self, events: pd.DataFrame) -> Watch:
        """What tells which of the minutes from now on need a tick."""
        end = self.times.iloc[-1].ceil("min").to_pydatetime()
        named = events.assign(tenant_id=self.tenant) if self.tenant else events
        return Watch(named, self.settings.detect, self.now, max(round((end - self.now) / MINUTE), 0))

    def finish(self) -> Report:
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
            if opening.opened:
                at = min(max(opening.held_at, before), self.now)
                self.opened[opening.incident.id] = (at, opening.incident.severity)
                advice = advise(self.database, self.settings, self.runbooks, opening.incident, self.now)
                if advice:
                    self.advice[opening.incident.id] = advice
        for incident in result.ended:
            self.live.pop(incident.id, None)

    def _user_of(self, incident: Incident) -> dict[str, str]:
        """The user an incident is about, by the application's own id; nothing where it is about the tenant."""
        user = self.users.get((incident.tenant_id, incident.subject))
        return {"user_id": user} if user else {}

    def _ends(self) -> dict[Cause, datetime]:
        settings = self.settings.detect.episode
        return {Cause(i.tenant_id, i.kind, i.subject): quiet_end(i, settings) for i in self.live.values()}

    def _ingest(self, until: datetime) -> None:
        end = int(self.times.searchsorted(pd.Timestamp(until), side="right"))
        if end > self.position:
            rows = self.table.slice(self.position, end - self.position)
            report = ingest_frame(self.database, rows, tenant_id=self.tenant, now=until, limits=_LIMITS)
            self.report.refused += report.refused
            self.position = end
