"""Backtest: a file of past events, replayed through the product's own path, minute by minute.

The same ingest, rollups, detectors, grouping and settings as in production; only the clock is the replay's, and
the database a temporary one. Nothing looks ahead: a tick at 10:00 sees what had occurred by 10:00.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from spine.ids import TenantId
from spine.settings import Settings
from store.columnar import FrameCheck
from store.source import Source
from tasks.advising import Runbooks
from tasks.replay import MINUTE, Progress, Replay, Report, warmed
from tasks.replay_slice import cut, replayed_in_slices

__all__ = ["Report", "backtest", "default_history_days", "load"]


def load(source: Source, progress: Callable[[float], None] = lambda share: None) -> tuple[Any, int]:
    """The good rows of a file as an Arrow table, checked as ingest checks them, and the number of refused ones."""
    check = FrameCheck(tenant=source.tenant, now=source.now, limits=source.limits, timezone=source.timezone)
    tables, refused = [], 0
    for table in source.tables(progress):
        checked = check.check(table)
        tables.append(_encoded(checked.table))
        refused += len(checked.refused)
    if not tables:
        return pa.table({"occurred_at": pa.array([], pa.timestamp("us", "UTC"))}), refused
    return pa.concat_tables(tables).unify_dictionaries(), refused


def _encoded(table: Any) -> Any:
    """Texts that occur again and again as numbers: a file of millions of events is to fit in memory."""
    columns = {
        name: column.dictionary_encode() if name != "id" and pa.types.is_string(column.type) else column
        for name, column in zip(table.column_names, table.columns, strict=True)
    }
    return pa.table(columns)


def default_history_days(events: Any) -> float:
    """28 where the events (an Arrow table) reach further than that; else 0: floors alone, from the first event on."""
    ends = pc.min_max(events.column("occurred_at")).as_py()
    return 28.0 if ends["max"] - ends["min"] > timedelta(days=28) else 0.0


def backtest(
    events: Any,
    settings: Settings,
    *,
    tenant: TenantId | None = None,
    history_days: float | None = None,
    runbooks: Callable[[], Runbooks] | None = None,
    progress: Progress = lambda done, total: None,
    jobs: int = 1,
) -> Report:
    """Replay `events` (the columns of an event, `occurred_at` aware) and tell which incidents would have opened.

    `events` is an Arrow table or a pandas frame. `tenant` None takes each row's own tenant. The first `history_days`
    only feed the baselines; None takes `default_history_days`. With `runbooks` (a function of a module), each line
    tells as `advice` what the engine would have proposed. `progress` is told minutes done, and how many there are.
    With `jobs` over 1, a long replay is cut into as many slices, each with a process and a database of its own.
    """
    table = _in_order(
        pa.Table.from_pandas(events, preserve_index=False) if isinstance(events, pd.DataFrame) else events
    )
    del events
    if not table.num_rows:
        return Report()
    days = default_history_days(table) if history_days is None else history_days
    ends = pc.min_max(table.column("occurred_at")).as_py()
    start: datetime = pd.Timestamp(ends["min"]).floor("min").to_pydatetime() + timedelta(days=days)
    end: datetime = pd.Timestamp(ends["max"]).ceil("min").to_pydatetime()
    slices = cut(start, max(round((end - start) / MINUTE), 0), jobs)
    with _folder() as folder, warmed(folder, table, tenant, start) as (cluster, position):
        replay = Replay(table=table, settings=settings, tenant=tenant, history=days > 0, position=position)
        if len(slices) == 1:
            return replay.played(cluster, slices[0], (runbooks or dict)(), progress)
        cluster.stop()
        return replayed_in_slices(replay, slices, folder, runbooks or dict, progress)


def _in_order(table: Any) -> Any:
    times = table.column("occurred_at")
    if table.num_rows < 2 or pc.all(pc.less_equal(times[:-1], times[1:])).as_py():
        return table
    return table.take(pc.sort_indices(table, [("occurred_at", "ascending")]))


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="opsspine-backtest-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
