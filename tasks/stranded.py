"""Runs whose process is gone though the orchestrator believes them alive (scenario 29)."""

from datetime import UTC, datetime, timedelta

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterParentTaskRunId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Cancelled, Crashed

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


async def clear_stranded(database: Database, *, nobody_starts_runs: bool = False) -> int:
    """Mark every run of ours without a sign of life as ended; returns how many.

    Crashed, or cancelled when that was under way. It frees the slots of scheduled flows; incidents whose run is
    marked are picked up by reconcile. `nobody_starts_runs`: no runner lives, so that a run without a sign of life is
    not about to show one.
    """
    cleared = 0
    async with get_client() as client:
        for run in await client.read_flow_runs(flow_run_filter=_OURS, limit=200):
            if run.state is None or (not nobody_starts_runs and _young(run)):
                continue
            with database.system() as connection:
                living = is_alive(connection, run.id)
            if not living:
                cleared += await _end(client, run)
    return cleared


def _young(run: FlowRun) -> bool:
    assert run.state is not None
    return datetime.now(UTC) - run.state.timestamp < _PATIENCE[run.state.type]


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
