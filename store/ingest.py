"""Ingest: events in, each counted exactly once, however often it is sent."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any

from psycopg.errors import CheckViolation
from sqlalchemy import Connection, text

from spine.event import Event, EventLimits, Reason, Rejection, parse_event
from spine.ids import TenantId
from spine.vocabulary import Unusual, count_unusual, unusual
from store.engine import Database
from store.partition import ensure_days
from store.retry import retrying
from store.stage import cursor_of, insert_staged, stage_rows

BATCH_ROWS = 10_000
"""Rows per transaction: larger ones gain little and hold locks longer."""


@dataclass(slots=True)
class IngestReport:
    """What became of the rows."""

    accepted: int = 0
    duplicate: int = 0
    rejected: list[dict[str, Any]] = field(default_factory=list)
    """One {"index", "reason", "detail"} per refused row; index counts from 0 in the input."""
    reasons: Counter[str] = field(default_factory=Counter)
    """How many rows were refused, by reason."""
    unusual: Counter[Unusual] = field(default_factory=Counter)
    """What was odd about rows that were kept, and how often."""

    def reject(self, index: int, rejection: Rejection) -> None:
        """Note one refused row."""
        self.rejected.append({"index": index, "reason": rejection.reason.value, "detail": rejection.detail})
        self.reasons[rejection.reason.value] += 1

    @property
    def refused(self) -> int:
        """How many rows were refused."""
        return self.reasons.total()


def ingest_raw(
    database: Database,
    tenant_id: TenantId,
    raw: Iterable[Mapping[str, Any]],
    *,
    now: datetime,
    limits: EventLimits | None = None,
) -> IngestReport:
    """Parse, redact and store events as they come from outside; one bad row never loses the good ones."""
    report = IngestReport()
    good: list[Event] = []
    for index, one in enumerate(raw):
        parsed = parse_event(one, now=now, tenant=tenant_id, limits=limits or EventLimits())
        if isinstance(parsed, Rejection):
            report.reject(index, parsed)
        else:
            good.append(parsed)
    stored = ingest(database, tenant_id, good)
    report.accepted, report.duplicate, report.unusual = stored.accepted, stored.duplicate, stored.unusual
    if report.reasons:
        with database.tenant(tenant_id) as connection:
            count_rejects(connection, tenant_id, report.reasons, now)
    return report


def ingest(database: Database, tenant_id: TenantId, events: Sequence[Event]) -> IngestReport:
    """Store parsed events of one tenant. Rollups follow by themselves; an overflow notifies at once.

    Raises:
        Transient: the database was too busy; sending the same events again is harmless.
    """
    report = IngestReport()
    mine: list[Event] = []
    for index, event in enumerate(events):
        if event.tenant_id == tenant_id:
            mine.append(event)
            count_unusual(report.unusual, dict.fromkeys(unusual(event.type, event.attributes), 1))
        else:
            report.reject(index, Rejection(Reason.WRONG_TENANT, "the event belongs to another tenant"))
    rows = iter(mine)
    while batch := list(islice(rows, BATCH_ROWS)):
        accepted = _write(database, tenant_id, batch)
        report.accepted += accepted
        report.duplicate += len(batch) - accepted
    return report


def count_rejects(connection: Connection, tenant_id: TenantId, reasons: Mapping[str, int], now: datetime) -> None:
    """Add refused rows to the counters of this hour."""
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    connection.execute(
        text(
            "insert into auth_ingest_rejects as r(tenant_id, hour, reason, n) values (:t, :h, :reason, :n) "
            "on conflict(tenant_id, hour, reason) do update set n = r.n + excluded.n"
        ),
        [{"t": tenant_id, "h": hour, "reason": reason, "n": n} for reason, n in sorted(reasons.items())],
    )


def _write(database: Database, tenant_id: TenantId, batch: list[Event]) -> int:
    rows = [_row(event) for event in batch]

    def transaction() -> int:
        with database.tenant(tenant_id) as connection, cursor_of(connection) as cursor:
            stage_rows(cursor, rows)
            return insert_staged(cursor)

    return with_partitions(database, {event.occurred_at.astimezone(UTC).date() for event in batch}, transaction)


def with_partitions(database: Database, days: Iterable[date], transaction: Callable[[], int]) -> int:
    """Run an inserting transaction, making the partitions of `days` first if it turns out that one is missing."""
    try:
        return retrying(transaction)
    except CheckViolation:
        with database.owner() as connection:
            ensure_days(connection, days)
        return retrying(transaction)


def _row(event: Event) -> tuple[Any, ...]:
    return (
        event.id, event.type.value, event.occurred_at, event.tenant_id, event.user_id, event.provider, event.ip,
        event.country, event.user_agent, event.session_id, event.resource_tenant_id,
        json.dumps(event.attributes, allow_nan=False), event.synthetic, event.drill_id,
    )  # fmt: skip
