"""Bulk ingest: tables of events, checked by columns and written by two connections at once."""

import io
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from spine.event import EventLimits, Reason
from spine.ids import NO_TENANT, TenantId
from spine.vocabulary import count_unusual
from store.columnar import Checked, FrameCheck
from store.engine import Database
from store.ingest import BATCH_ROWS, IngestReport, count_rejects, with_partitions
from store.stage import cursor_of, insert_staged, stage_csv

_WRITERS = 2
_LISTED = 1_000
"""Refused rows listed one by one; all are counted."""
Table = Any


def ingest_frame(
    database: Database,
    frame: pd.DataFrame | Table | Iterable[Table],
    *,
    tenant_id: TenantId | None,
    now: datetime,
    limits: EventLimits | None = None,
    timezone: tzinfo | None = None,
    progress: Callable[[int], None] = lambda rows: None,
) -> IngestReport:
    """Store a pandas or Arrow table, or a stream of Arrow tables, with the columns of an event.

    `tenant_id` None takes each row's own (for operators; a tenant's request names its tenant). Columns that
    are no event's own become attributes. `progress` is told the number of rows done with.

    Raises:
        Transient: the database was too busy; sending the same rows again is harmless.
    """
    check = FrameCheck(tenant=tenant_id, now=now, limits=limits or EventLimits(), timezone=timezone)
    report = IngestReport()
    done = 0
    for checked, offset, accepted in _written(database, tenant_id, check, _batches(frame)):
        report.accepted += accepted
        report.duplicate += checked.table.num_rows - accepted
        _note(report, checked.refused, offset)
        count_unusual(report.unusual, checked.unusual)
        done = offset + checked.table.num_rows + len(checked.refused)
        progress(done)
    if report.reasons:
        with database.system() as connection:
            count_rejects(connection, tenant_id or NO_TENANT, report.reasons, now)
    return report


def _batches(frame: Any) -> Iterator[Table]:
    if isinstance(frame, pd.DataFrame):
        frame = pa.Table.from_pandas(frame, preserve_index=False)
    for table in [frame] if isinstance(frame, pa.Table) else frame:
        for start in range(0, table.num_rows, BATCH_ROWS):
            yield table.slice(start, BATCH_ROWS)


def _written(
    database: Database, tenant: TenantId | None, check: FrameCheck, batches: Iterable[Table]
) -> Iterator[tuple[Checked, int, int]]:
    """(batch, number of its first row, rows accepted); checking goes on while others write."""
    pending: deque[tuple[Checked, int, Future[int]]] = deque()
    offset = 0
    with ThreadPoolExecutor(_WRITERS, thread_name_prefix="ingest") as pool:
        for batch in batches:
            checked = check.check(batch)
            pending.append((checked, offset, pool.submit(_write, database, tenant, checked.table)))
            offset += batch.num_rows
            if len(pending) > _WRITERS:
                first, at, written = pending.popleft()
                yield first, at, written.result()
        for first, at, written in pending:
            yield first, at, written.result()


def _write(database: Database, tenant: TenantId | None, table: Table) -> int:
    if not table.num_rows:
        return 0
    buffer = io.BytesIO()
    pyarrow.csv.write_csv(table, buffer, pyarrow.csv.WriteOptions(include_header=False))

    def transaction() -> int:
        context = database.system() if tenant is None else database.tenant(tenant)
        with context as connection, cursor_of(connection) as cursor:
            stage_csv(cursor, buffer.getbuffer())
            return insert_staged(cursor)

    return with_partitions(database, _days(table), transaction)


def _days(table: Table) -> list[date]:
    ends = pc.min_max(table.column("occurred_at")).as_py()
    first, last = ends["min"].astimezone(UTC).date(), ends["max"].astimezone(UTC).date()
    if (last - first).days > BATCH_ROWS // 100:
        return sorted({moment.astimezone(UTC).date() for moment in table.column("occurred_at").to_pylist()})
    return [first + timedelta(days=day) for day in range((last - first).days + 1)]


def _note(report: IngestReport, refused: dict[int, Reason], offset: int) -> None:
    for row, reason in sorted(refused.items()):
        report.reasons[reason.value] += 1
        if len(report.rejected) < _LISTED:
            report.rejected.append({"index": offset + row, "reason": reason.value, "detail": ""})
