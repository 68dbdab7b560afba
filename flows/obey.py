"""Obey: carry out what a person or a program told the spine to do by hand."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from blocks.orchestrator import start_run
from flows.context import database, living, run_id, settings
from runbooks import catalogue
from spine.correlation import caused_by
from spine.deployment import deployment_of
from spine.ids import CommandId
from tasks import commanding


def _name() -> str:
    return f"obey {str(flow_run.parameters.get('command_id', ''))[:8]}"


@flow(name="obey", flow_run_name=_name)
async def obey(command_id: str, request_id: str | None = None) -> State[None]:
    """Carry out one command; a plan that it makes is handed to the incident's own runbook.

    Args:
        command_id: UUID of the command.
        request_id: of the request that brought it, for whoever follows it through.
    """
    with living(), caused_by(request_id):
        done = await asyncio.to_thread(
            commanding.obey, database(), settings(), CommandId(UUID(command_id)), books=catalogue(), run=run_id(),
            now=datetime.now(UTC),
        )  # fmt: skip
        if done is None:
            return Completed(message="it was carried out before")
        if done.planned is not None:
            incident = done.planned
            await start_run(
                deployment_of(incident.kind),
                {"incident_id": str(incident.id), "request_id": request_id},
                idempotency_key=f"plan:{command_id}",
                tags=(f"tenant:{incident.tenant_id}", f"severity:{incident.severity.label}"),
            )
    return Completed(message=done.sentence)
