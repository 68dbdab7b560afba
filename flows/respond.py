"""Respond: one flow per runbook, built from its declaration. An incident's whole response is one run."""

from collections.abc import Callable, Coroutine
from typing import Any
from uuid import UUID

from prefect import Flow, flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed
from sqlalchemy import Connection

from flows.context import database, living, run_id, settings
from runbooks import catalogue
from runbooks.drills import drill_named
from runbooks.engine.context import RunContext
from runbooks.engine.name import DEPLOYMENT, flow_name
from runbooks.engine.response import respond
from spine.correlation import caused_by
from spine.drill import drill_settings
from spine.errors import Fenced, Refused
from spine.ids import IncidentId
from spine.incident import IncidentStatus
from spine.runbook import Runbook
from spine.settings import Settings
from store import drills, incidents


def _run_name() -> str:
    incident = str(flow_run.parameters.get("incident_id", ""))
    return f"{flow_run.flow_name} {incident[:8]}"


def _build(runbook: Runbook) -> Flow[..., Coroutine[Any, Any, State[None]]]:
    """The flow that responds to one kind of incident."""

    async def body(incident_id: str, request_id: str | None = None) -> State[None]:
        with living(), caused_by(request_id):
            incident = IncidentId(UUID(incident_id))
            with database().system() as connection:
                fence = incidents.take(connection, incident, run_id())
                rules = _settings(connection, incident)
            context = RunContext(
                database=database(), settings=rules, runbook=runbook, incident_id=incident, fence=fence
            )
            try:
                return Completed(message=await respond(context))
            except Refused as refusal:
                if not isinstance(refusal, Fenced) and context.incident().status is not IncidentStatus.RESOLVED:
                    raise
                return Completed(message=str(refusal))  # nothing has failed: there is nothing left for it to answer

    name = flow_name(runbook.kind)
    body.__name__ = body.__qualname__ = name
    return flow(name=name, description=runbook.summary, flow_run_name=_run_name)(_documented(body, runbook))


def _settings(connection: Connection, incident: IncidentId) -> Settings:
    """Those of the installation; a drill's incident is answered under the drill's."""
    found = incidents.get(connection, incident)
    run = drills.get(connection, found.drill_id) if found.drill_id else None
    return settings() if run is None else drill_settings(settings(), drill_named(run.kind, run.name))


def _documented(body: Callable[..., Any], runbook: Runbook) -> Callable[..., Any]:
    body.__doc__ = (
        f"Respond to an incident of kind {runbook.kind.value}.\n\nArgs:\n    incident_id: UUID of the incident.\n"
        "    request_id: of the request that led to it, for whoever follows it through."
    )
    body.__module__ = __name__
    return body


__all__ = ["DEPLOYMENT", "FLOWS"]

FLOWS = {flow_name(kind): _build(runbook) for kind, runbook in catalogue().items()}
globals().update(FLOWS)
"""The orchestrator loads `flows.respond.<kind>` by name."""
