"""Detect: pull the windows, find, triage, open incidents, and start their runbooks."""

import asyncio
from collections.abc import Callable
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from prefect import flow
from prefect.artifacts import acreate_table_artifact
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.states import Completed

from blocks.orchestrator import start_run
from flows.context import database, living, settings
from runbooks import catalogue
from runbooks.engine.name import deployment_of
from spine.deployment import RANK
from spine.ids import IncidentId
from store import incidents, models
from store.heartbeats import beats
from store.incidents import Opening
from tasks.detecting import TickResult, ticking

T = TypeVar("T")


def _name() -> str:
    return f"detect {datetime.now(UTC):%H:%M:%S}"


def stale(component: str, scheduled: datetime | None, now: datetime) -> bool:
    """True when a run is catch-up after downtime: due long ago, and a newer one has done its work already.

    Being late is not enough: on a machine so busy that every run is late, each would leave the work to the next.
    """
    limit = timedelta(seconds=settings().detect.interval_seconds * settings().detect.stale_after_intervals)
    if scheduled is None or now - scheduled <= limit:
        return False
    with database().system() as connection:
        last = beats(connection).get(component)
    return last is not None and last[0] > scheduled


@flow(name="detect", flow_run_name=_name, log_prints=False)
async def detect() -> State[None]:
    """One tick over all tenants. Ticks never overlap; a late one does nothing.

    Kinds of incident without a runbook open none: nobody would answer, and `opsspine backtest` shows them anyway.
    For every incident that has no run yet, its runbook is started; the incident's id is the idempotency key, so
    that two schedulers, or a retry, start it once.
    """
    now = datetime.now(UTC)
    if stale("detect", flow_run.scheduled_start_time, now):
        return Completed(message="stale: a newer run has seen all this one would")
    with living():
        result = await _tick(now)
        await _have_ranked(result)
        if result.openings:
            await _show(result)
    return Completed(message=result.sentence)


async def _tick(now: datetime) -> TickResult:
    """A tick, part by part in a thread, while the runbooks of the parts before are started in their order.

    Cancelled, it ends with the part that is under way; the next tick finds the rest again.
    """
    result, new = TickResult(at=now), asyncio.Queue[list[Opening] | None]()
    parts = ticking(database(), settings(), result, catalogue().keys())
    starting = asyncio.create_task(_start_runbooks(new))
    try:
        while openings := await _to_its_end(_in_thread(next, parts, None)):
            new.put_nowait(openings)
    finally:
        new.put_nowait(None)
        try:
            await _to_its_end(_in_thread(parts.close))
        finally:
            await _to_its_end(starting)
    return result


def _in_thread(act: Callable[..., T], *given: object) -> asyncio.Future[T]:
    """`act` in a thread, under this task's context. No task: a loop that ends cancels all of those, and not this."""
    return asyncio.get_running_loop().run_in_executor(None, copy_context().run, act, *given)


async def _to_its_end(work: asyncio.Future[T]) -> T:
    """What comes of `work`. A cancellation does not leave it half done: it is obeyed when `work` has ended."""
    cancelled = None
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled from (None if work.cancelled() else work.exception())
    return work.result()


async def _start_runbooks(new: asyncio.Queue[list[Opening] | None]) -> None:
    """Start the runbook of each new incident, until None comes. Where one cannot be started, reconcile does it."""
    while openings := await new.get():
        for opening in openings:
            try:
                await _start_runbook(opening)
            except Exception as error:  # one that fails keeps no other waiting
                get_run_logger().warning("%s is not answered yet: %s", opening.incident.id, error)


async def _start_runbook(opening: Opening) -> None:
    incident = opening.incident
    if not opening.is_new or await asyncio.to_thread(_taken, incident.id):  # reconcile may have been faster
        return
    await start_run(
        deployment_of(incident.kind),
        {"incident_id": str(incident.id)},
        idempotency_key=str(incident.id),
        tags=(f"tenant:{incident.tenant_id}", f"severity:{incident.severity.label}"),
    )


def _taken(incident: IncidentId) -> bool:
    with database().system() as connection:
        return incidents.get(connection, incident).flow_run_id is not None


async def _have_ranked(result: TickResult) -> None:
    """Have what opened scored, where a model is in use. Nothing waits for it; the next call does what one missed."""
    new = [opening.incident.id for opening in result.openings if opening.opened]
    if not new or not settings().ml.enabled:
        return
    try:
        with database().system() as connection:
            ranked = models.in_use(connection)
        if ranked:
            await start_run(RANK, {}, idempotency_key=f"rank:{new[0]}")
    except Exception as error:  # the order of a list is no reason to fail
        get_run_logger().warning("what opened is not ranked: %s", error)


async def _show(result: TickResult) -> None:
    rows = [
        {
            "incident": str(o.incident.id),
            "new": o.is_new,
            "tenant": o.incident.tenant_id,
            "type": o.incident.kind.value,
            "severity": o.incident.severity.label,
            "title": o.incident.title,
        }
        for o in result.openings
    ]
    await acreate_table_artifact(rows, key="detected", description="Incidents this tick opened or added to.")
