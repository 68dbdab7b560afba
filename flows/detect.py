"""Detect: pull the windows, find, triage, open incidents, and start their runbooks."""

from datetime import UTC, datetime, timedelta

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
from spine.errors import Transient
from store.heartbeats import beats
from tasks.detecting import TickResult, tick


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
        result = tick(database(), settings(), now, kinds=catalogue().keys())
        await _start_runbooks(result)
    if result.openings:
        await _show(result)
    return Completed(message=result.sentence)


async def _start_runbooks(result: TickResult) -> None:
    logger = get_run_logger()
    for opening in result.openings:
        incident = opening.incident
        if not opening.is_new or incident.flow_run_id is not None:
            continue
        try:
            await start_run(
                deployment_of(incident.kind),
                {"incident_id": str(incident.id)},
                idempotency_key=str(incident.id),
                tags=(f"tenant:{incident.tenant_id}", f"severity:{incident.severity.label}"),
            )
        except Transient as error:
            logger.warning("%s", error)  # reconcile starts it


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
