"""`/api/ops/incidents/{id}/report` and `/api/ops/reports/week`: what happened, every fact with its audit entries."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from gateway import report
from gateway.auth import Scope
from gateway.caller import Caller, calling
from spine.report.render import Form

router = APIRouter(tags=["reports"])
Reader = Annotated[Caller, Depends(calling(Scope.INCIDENTS_READ))]
_Form = Annotated[
    Form, Query(alias="format", description="md for a ticket, html to read and print, json for programs.")
]
_SHOWN: dict[int | str, dict[str, Any]] = {
    200: {"content": {form.media_type: {} for form in Form}, "description": "The report."}
}


@router.get("/api/ops/incidents/{incident_id}/report", responses=_SHOWN, response_class=Response)
def show_report(request: Request, caller: Reader, incident_id: UUID, form: _Form = Form.JSON) -> Response:
    """The post-incident report, as things stand now: it can be asked for before the incident has ended."""
    return report.incident(request, caller.tenant, incident_id, form)


@router.get("/api/ops/reports/week", responses=_SHOWN, response_class=Response)
def show_week(request: Request, caller: Reader, form: _Form = Form.JSON) -> Response:
    """The summary of the last seven days, with the trends of the weeks before."""
    return report.last_week(request, caller.tenant, form)
