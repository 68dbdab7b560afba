"""Reconcile: deadlines, dead runs, lost wake-ups, unfinished leases, undelivered messages."""

from datetime import UTC, datetime

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.states import Completed

from blocks.orchestrator import start_run
from flows.context import database, living, settings
from flows.detect import stale
from runbooks import catalogue
from runbooks.engine.name import deployment_of
from spine.deployment import REPORT
from spine.errors import Transient
from spine.incident import Incident
from store.heartbeats import beat
from tasks.planning import rehearsal_of
from tasks.reconciling import reconcile_once
from tasks.reporting.ended import due


def _name() -> str:
    return f"reconcile {datetime.now(UTC):%H:%M:%S}"


def _deployment(incident: Incident) -> str | None:
    return deployment_of(incident.kind) if incident.kind in catalogue() else None


def _note_overdue(now: datetime) -> None:
    """Which runbooks do nothing automatically for want of a drill, for whoever asks how the spine is."""
    with database().system() as connection:
        overdue = sorted(
            kind.value.lower()
            for kind, book in catalogue().items()
            if rehearsal_of(connection, book, settings()).overdue(now)
        )
        beat(connection, "drills", now=now, detail={"overdue": overdue})


async def _report_ended(now: datetime) -> None:
    """Start the report of every incident that ended; asked for again until the trail tells of it."""
    with database().system() as connection:
        ended = due(connection, settings(), now)
    for incident in ended:
        try:
            await start_run(REPORT, {"incident_id": str(incident)}, idempotency_key=f"report:{incident}")
        except Transient as error:
            get_run_logger().warning("%s", error)
            return


@flow(name="reconcile", flow_run_name=_name)
async def reconcile() -> State[None]:
    """One round; a late scheduled run does nothing, for a newer one covers it."""
    now = datetime.now(UTC)
    if stale("reconcile", flow_run.scheduled_start_time, now):
        return Completed(message="stale: a newer run has done all this one would")
    with living():
        done = await reconcile_once(database(), settings(), _deployment, now)
        _note_overdue(now)
        await _report_ended(now)
    for problem in done.problems:
        get_run_logger().warning("%s", problem)
    return Completed(message=done.sentence)
