"""Report: what happened at an incident that ended, and once a week at every tenant; kept as Markdown artifacts."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

from prefect import flow
from prefect.artifacts import acreate_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.states import Completed

from flows.context import database, living, settings
from spine.ids import IncidentId
from spine.report.markdown import markdown
from tasks.reporting.ended import keep, make
from tasks.reporting.weekly import tell_weeks


def _name() -> str:
    return f"report {str(flow_run.parameters.get('incident_id', ''))[:8]}"


@flow(name="report", flow_run_name=_name)
async def report(incident_id: str) -> State[None]:
    """Make the report of one incident; reconcile starts it when the incident has ended.

    Args:
        incident_id: UUID of the incident.
    """
    incident, now = IncidentId(UUID(incident_id)), datetime.now(UTC)
    with living():
        made = await asyncio.to_thread(make, database(), settings(), incident, now)
        await acreate_markdown_artifact(
            markdown(made.report), key=f"report-{incident_id[:8]}", description="What happened, and on which evidence"
        )
        await asyncio.to_thread(keep, database(), made, incident, now)
    return Completed(message=f"{len(made.report.facts)} facts from {len(made.report.entries)} audit entries")


@flow(name="summarize")
async def summarize() -> State[None]:
    """Make and tell the weekly summary of every tenant. Run again within the week it tells nothing twice."""
    with living():
        told = await asyncio.to_thread(tell_weeks, database(), settings(), datetime.now(UTC))
        for one in told:
            if one.report is None:
                get_run_logger().warning("No summary of tenant %s: %s", one.tenant, one.because)
                continue
            key = "".join(mark if mark.isascii() and mark.isalnum() else "-" for mark in one.tenant.lower())
            await acreate_markdown_artifact(
                markdown(one.report), key=f"week-{key.strip('-') or 'all'}", description="The week"
            )
    return Completed(message=f"{sum(one.report is not None for one in told)} of {len(told)} tenants")
