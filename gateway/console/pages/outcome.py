"""People say what an incident was."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request, Response
from pydantic import ValidationError

from gateway.api.triage import Labelled, say_outcome
from gateway.console.page import HOME, go
from gateway.console.pages.incident import incident_page
from gateway.console.visitor import Writer
from gateway.context import context_of

router = APIRouter(include_in_schema=False)
_Choice = Annotated[str, Form(max_length=60)]


@router.post(f"{HOME}/incidents/{{incident_id}}/outcome")
def label(request: Request, visitor: Writer, incident_id: UUID, outcome: _Choice = "", cause: _Choice = "") -> Response:
    """Write down what the visitor says the incident was."""
    try:
        said = Labelled.model_validate({"outcome": outcome, "cause": cause or None})
    except ValidationError:
        wrong = {"doing": "Choose what it was from the list. Nothing was written."}
        return incident_page(request, visitor, incident_id, status=422, wrong=wrong)
    say_outcome(context_of(request), visitor, incident_id, said)
    return go(f"/incidents/{incident_id}", said="labelled")
