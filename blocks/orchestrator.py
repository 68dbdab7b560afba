"""The orchestrator's API as the spine uses it: start a run, wake a run, ask how a run stands."""

import asyncio
import contextlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.responses import SetStateStatus
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.states import Cancelling, Crashed

from blocks import replica
from spine import trace
from spine.errors import Transient

TRACE_LABEL = "__OTEL_TRACEPARENT"
"""The label of a flow run under which Prefect looks for the trace to go on with."""
_WAKE_TRIES = 8
_WAKE_PAUSE_SECONDS = 0.25


class RunState(NamedTuple):
    """How a run stands: Prefect's state type ("RUNNING", "PAUSED", "COMPLETED" …) and since when."""

    kind: str
    since: datetime

    @property
    def ended(self) -> bool:
        """True when this run will do nothing more."""
        return self.kind in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}

    @property
    def waiting(self) -> bool:
        """True when the run is suspended and costs no process."""
        return self.kind == "PAUSED"


async def start_run(
    deployment: str, parameters: Mapping[str, Any], *, idempotency_key: str, tags: tuple[str, ...] = ()
) -> UUID:
    """Start a run of `deployment` ("flow/name"); the same key starts it once, whoever asks and how often.

    A run that has ended under this key without taking its work is followed by another one, again just once.

    Raises:
        Transient: the orchestrator could not be reached, or does not know the deployment yet.
    """
    try:
        async with replica.client() as client:
            found = await client.read_deployment_by_name(deployment)
            key = idempotency_key
            while True:
                run = await client.create_flow_run_from_deployment(
                    found.id, parameters=dict(parameters), idempotency_key=key, tags=tags, labels=_labels()
                )
                if run.state is None or not run.state.is_final():
                    return run.id
                key = f"{idempotency_key}:{run.id}"
    except (httpx.HTTPError, PrefectHTTPStatusError, ObjectNotFound) as error:
        raise Transient(f"could not start {deployment}: {error}; reconcile will try again") from error


async def wake(run_id: UUID) -> bool:
    """Resume a suspended run. False: it was not waiting (already woken, ended, or not suspended yet).

    A run that is just about to suspend is asked again for two seconds, so that a decision that arrives before
    the wait is committed is not lost; whatever is missed even so, reconcile wakes.
    """
    with trace.span("wake run", "producer", run=str(run_id)):
        async with replica.client() as client:
            await _follow(client, run_id)
            for _ in range(_WAKE_TRIES):
                status = await _resume(client, run_id)
                if status is SetStateStatus.ACCEPT:
                    return True
                state = await _state(client, run_id)
                if state is None or state.ended:
                    return False
                await asyncio.sleep(_WAKE_PAUSE_SECONDS)
    return False


async def end_deaf(run_id: UUID, since: datetime) -> bool:
    """Mark a run as crashed that has been suspended since then and cannot be woken; False when it has moved on.

    Prefect suspends a run first and keeps its form then: killed in between, the run refuses every answer, for ever.
    """
    async with replica.client() as client:
        state = await _state(client, run_id)
        if state is None or not state.waiting or state.since != since:
            return False
        await client.set_flow_run_state(run_id, Crashed(message="it could not be woken"), force=True)
    return True


def _labels() -> dict[str, bool | int | float | str] | None:
    """What makes a run a part of the trace it is started in."""
    parent = trace.traceparent()
    return {TRACE_LABEL: parent} if parent else None


async def _follow(client: PrefectClient, run_id: UUID) -> None:
    """What the run does from here on belongs to the trace of whoever wakes it."""
    if labels := _labels():
        with contextlib.suppress(httpx.HTTPError, PrefectHTTPStatusError, ObjectNotFound):
            await client.update_flow_run_labels(run_id, dict(labels))


async def run_state(run_id: UUID) -> RunState | None:
    """How the run stands; None: the orchestrator does not know it."""
    async with replica.client() as client:
        return await _state(client, run_id)


async def forget_input(run_id: UUID, key: str) -> None:
    """Delete what a person typed into a run's form: it may bear a one-time code."""
    async with replica.client() as client:
        try:
            await client.delete_flow_run_input(run_id, key)
        except (ObjectNotFound, PrefectHTTPStatusError):
            return


async def _resume(client: PrefectClient, run_id: UUID) -> SetStateStatus | None:
    try:
        return (await client.resume_flow_run(run_id, run_input={})).status
    except PrefectHTTPStatusError as error:
        if error.response.status_code in {404, 409}:
            return None
        raise Transient(f"the orchestrator refused to resume run {run_id}: {error}") from error
    except httpx.HTTPError as error:
        raise Transient(f"the orchestrator cannot be reached: {error}; reconcile will wake the run") from error


async def _state(client: PrefectClient, run_id: UUID) -> RunState | None:
    try:
        run = await client.read_flow_run(run_id)
    except ObjectNotFound:
        return None
    except (httpx.HTTPError, PrefectHTTPStatusError) as error:
        raise Transient(f"the orchestrator cannot be reached: {error}") from error
    if run.state is None:
        return None
    return RunState(run.state.type.value, run.state.timestamp)


async def cancel(run_id: UUID) -> None:
    """Cancel a run, as a person would in Prefect UI.

    Raises:
        Transient: the orchestrator does not answer, or does not know the run.
    """
    try:
        async with replica.client() as client:
            await client.set_flow_run_state(run_id, Cancelling())
    except (httpx.HTTPError, PrefectHTTPStatusError, ObjectNotFound) as error:
        raise Transient(f"could not cancel run {run_id}: {error}. Nothing was changed; try again") from error
