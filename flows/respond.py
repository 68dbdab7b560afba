"""Respond: one flow per runbook, built from its declaration. An incident's whole response is one run."""

from collections.abc import Callable, Coroutine
from typing import Any
from uuid import UUID

from prefect import Flow, flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from flows.context import database, living, run_id, settings
from runbooks import catalogue
from runbooks.engine.context import RunContext
from runbooks.engine.name import DEPLOYMENT, flow_name
from runbooks.engine.response import respond
from spine.ids import IncidentId
from spine.runbook import Runbook
from store import incidents


def _run_name() -> str:
    incident = str(flow_run.parameters.get("incident_id", ""))
    return f"{flow_run.flow_name} {incident[:8]}"


def _build(runbook: Runbook) -> Flow[[str], Coroutine[Any, Any, State[None]]]:
    """The flow that responds to one kind of incident."""

    async def body(incident_id: str) -> State[None]:
        with living():
            incident = IncidentId(UUID(incident_id))
            with database().system() as connection:
                fence = incidents.take(connection, incident, run_id())
            context = RunContext(
                database=database(), settings=settings(), runbook=runbook, incident_id=incident, fence=fence
            )
            return Completed(message=await respond(context))

    name = flow_name(runbook.kind)
    body.__name__ = body.__qualname__ = name
    return flow(name=name, description=runbook.summary, flow_run_name=_run_name)(_documented(body, runbook))


def _documented(body: Callable[..., Any], runbook: Runbook) -> Callable[..., Any]:
    body.__doc__ = (
        f"Respond to an incident of kind {runbook.kind.value}.\n\nArgs:\n    incident_id: UUID of the incident."
    )
    body.__module__ = __name__
    return body


__all__ = ["DEPLOYMENT", "FLOWS"]

FLOWS = {flow_name(kind): _build(runbook) for kind, runbook in catalogue().items()}
globals().update(FLOWS)
"""The orchestrator loads `flows.respond.<kind>` by name."""
