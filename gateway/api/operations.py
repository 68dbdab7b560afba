"""`/api/ops/operations`: what runs and drills of the operational runbooks came to: launch, flags, escalation."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import Field

from gateway.api.view import View
from gateway.auth import Scope
from gateway.caller import Caller, calling
from gateway.context import context_of
from gateway.paging import CursorText, Limit, Listed, paged, place
from store import operations
from store.operations import OperationRun

router = APIRouter(prefix="/api/ops/operations", tags=["operations"])
Reader = Annotated[Caller, Depends(calling(Scope.AUDIT_READ))]
_LIST = "operations"


class OperationName(StrEnum):
    """What is run."""

    LAUNCH_CHECKLIST = "launch_checklist"
    LAUNCH_RAMP = "launch_ramp"
    FLAG_MANAGEMENT = "flag_management"
    INCIDENT_ESCALATION = "incident_escalation"


class OperationView(View):
    """One run of an operational runbook, or one drill of it."""

    id: UUID
    operation: str = Field(examples=["launch_checklist"])
    drill: bool = Field(description="A rehearsal: it changed nothing.")
    who: str = Field(examples=["cli:ann"])
    started_at: datetime
    finished_at: datetime
    outcome: str = Field(examples=["NO-GO"])
    passed: bool
    detail: dict[str, Any] = Field(
        description="Of a launch: results with marks, reasons and receipts. Of a drill: its assertions.",
        examples=[{"results": [{"key": "tls", "mark": "PASS", "because": "the certificate holds", "receipts": []}]}],
    )

    @classmethod
    def of(cls, run: OperationRun) -> "OperationView":
        """As it is answered."""
        return cls(
            id=run.id, operation=run.operation, drill=run.drill, who=run.who, started_at=run.started_at,
            finished_at=run.finished_at, outcome=run.outcome, passed=run.passed, detail=dict(run.detail),
        )  # fmt: skip


@router.get("")
def list_operations(
    request: Request,
    caller: Reader,
    operation: OperationName | None = None,
    limit: Limit = 20,
    cursor: CursorText = None,
) -> Listed[OperationView]:
    """The tenant's runs, newest first."""
    with context_of(request).database.tenant(caller.tenant) as connection:
        page = operations.runs(connection, operation, limit=limit, after=place(cursor, _LIST, operation))
    return paged(page, OperationView.of, _LIST, operation)
