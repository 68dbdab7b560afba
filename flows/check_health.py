"""Check health: look at every part of the spine, and call people when one stays bad."""

from datetime import UTC, datetime

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from flows.context import database, living, settings
from flows.detect import stale
from spine.clock import SystemClock
from store.vital import CHECKS
from tasks.checking import check_once


def _name() -> str:
    return f"check_health {datetime.now(UTC):%H:%M:%S}"


@flow(name="check_health", flow_run_name=_name)
async def check_health() -> State[None]:
    """One round over all checks (tasks/checks); what is found is shown by `/api/health` and `opsspine health`."""
    if stale(CHECKS, flow_run.scheduled_start_time, datetime.now(UTC)):
        return Completed(message="stale: a newer run has looked at all this one would")
    with living():
        done = check_once(database(), settings(), SystemClock())
    return Completed(message=done.sentence)
