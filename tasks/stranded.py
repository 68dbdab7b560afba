"""Runs whose process is gone though the orchestrator believes them alive (scenario 29)."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import NoReturn
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterParentTaskRunId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Cancelled, Crashed

from blocks import replica
from store.engine import Database
from store.liveness import is_alive

TAG = "opsspine"
"""Every run of ours bears it; other people's runs on the same server are none of our business."""

_PATIENCE = {
    StateType.PENDING: timedelta(minutes=1),
    StateType.RUNNING: timedelta(seconds=15),
    StateType.CANCELLING: timedelta(seconds=15),
}
"""A run may be in a state for so long without a sign of life: on a busy machine its process is slow to start."""
_OURS = FlowRunFilter(
    state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(_PATIENCE))),
    tags=FlowRunFilterTags(all_=[TAG]),
    parent_task_run_id=FlowRunFilterParentTaskRunId(is_null_=True),  # a subflow shares its parent's process and fate
)


_LOOK_SECONDS = 5.0
_DOUBT_SECONDS = 5.0
"""A run that shows no sign any more is given so long to tell how it ended: its sign goes out a moment before."""
_log = logging.getLogger(__name__)


async def keep_clear(database: Database) -> NoReturn:
    """Clear stranded runs for as long as this runner lives.

    Reconcile does it, too, but cannot where it is itself what is stranded: the run of a runner that died holds the only
    slot of `reconcile`, and another runner lives on, whose runs of it are all turned away.
    """
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        try:
            if cleared := await clear_stranded(database):
                _log.warning("%d runs without a process were ended", cleared)
        except Exception as error:  # whatever does not answer now is asked again
            _log.warning("stranded runs cannot be looked for: %s", type(error).__name__)


async def clear_stranded(database: Database, *, nobody_starts_runs: bool = False) -> int:
    """Mark every run of ours without a sign of life as ended; returns how many.

    Crashed, or cancelled when that was under way. It frees the slots of scheduled flows; incidents whose run is
    marked are picked up by reconcile. `nobody_starts_runs`: no runner lives, so that a run without a sign of life is
    not about to show one, or to tell of its end.
    """
    async with replica.client() as client:
        found = await client.read_flow_runs(flow_run_filter=_OURS, limit=200)
        silent = await _silent(database, [run for run in found if nobody_starts_runs or not _young(run)])
        if silent and not nobody_starts_runs:
            await asyncio.sleep(_DOUBT_SECONDS)
            silent = await _silent(database, silent)
        return sum([await _end(client, run) for run in silent])


async def _silent(database: Database, runs: list[FlowRun]) -> list[FlowRun]:
    """Those of `runs` without a sign of life. In a thread, for a slow database must not stop the runner."""
    return [run for run in runs if not await asyncio.to_thread(_lives, database, run.id)]


def _lives(database: Database, run: UUID) -> bool:
    with database.system() as connection:
        return is_alive(connection, run)


def _young(run: FlowRun) -> bool:
    return run.state is None or datetime.now(UTC) - run.state.timestamp < _PATIENCE[run.state.type]


async def _end(client: PrefectClient, run: FlowRun) -> bool:
    """End the run, unless it has moved on since it was listed."""
    now = await client.read_flow_run(run.id)
    if now.state is None or run.state is None or now.state.id != run.state.id:
        return False
    gone = "its process is gone"
    cancelling = now.state.type is StateType.CANCELLING
    await client.set_flow_run_state(
        run.id, Cancelled(message=gone) if cancelling else Crashed(message=gone), force=True
    )
    return True
