"""The reports as pages: made when they are opened, to be read, kept and printed."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from gateway import report
from gateway.console.page import HOME
from gateway.console.visitor import Reader
from spine.report.render import Form

router = APIRouter(include_in_schema=False)


@router.get(f"{HOME}/incidents/{{incident_id}}/report")
def show_report(request: Request, visitor: Reader, incident_id: UUID) -> Response:
    """An incident's report."""
    return report.incident(request, visitor.tenant, incident_id, Form.HTML)


@router.get(f"{HOME}/reports/week")
def show_week(request: Request, visitor: Reader) -> Response:
    """The summary of the last seven days."""
    return report.last_week(request, visitor.tenant, Form.HTML)
