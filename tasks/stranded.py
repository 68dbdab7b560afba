"""Runs whose process is gone though the orchestrator believes them alive (scenario 29)."""

from datetime import UTC, datetime, timedelta

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import StateType

from blocks.orchestrator import mark_crashed
from store.engine import Database
from store.liveness import is_alive

_PATIENCE = {StateType.PENDING: timedelta(minutes=1), StateType.RUNNING: timedelta(seconds=15)}
"""A run may be in a state for so long without a sign of life: on a busy machine its process is slow to start."""


async def clear_stranded(database: Database, *, nobody_starts_runs: bool = False) -> int:
    """Mark every RUNNING or PENDING run without a sign of life as crashed; returns how many.

    That frees the slots of scheduled flows; incidents whose run is marked are picked up by reconcile.
    `nobody_starts_runs`: no runner lives, so that a run without a sign of life is not about to show one.
    """
    states = FlowRunFilterState(type=FlowRunFilterStateType(any_=list(_PATIENCE)))
    async with get_client() as client:
        runs = await client.read_flow_runs(flow_run_filter=FlowRunFilter(state=states), limit=200)
    cleared = 0
    for run in runs:
        if run.state is None or run.parent_task_run_id is not None:  # a subflow shares its parent's process and fate
            continue
        if not nobody_starts_runs and datetime.now(UTC) - run.state.timestamp < _PATIENCE[run.state.type]:
            continue
        with database.system() as connection:
            living = is_alive(connection, run.id)
        if not living:
            await mark_crashed(run.id, "its process is gone")
            cleared += 1
    return cleared
