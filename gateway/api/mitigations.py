"""`/api/ops/mitigations`: what is in force, until when, and taking it back early."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from gateway.api.answer import IdempotencyKey, IfMatch, IfNoneMatch, check_version, known, versioned
from gateway.api.field import Line
from gateway.api.incidents import Reason
from gateway.api.ordering import TOLD, CommandView, carried_out, ordered
from gateway.api.view import MitigationView
from gateway.auth import Scope
from gateway.caller import Caller, calling
from gateway.context import context_of
from gateway.paging import CursorText, Limit, Listed, paged, place
from gateway.problem import Problem
from spine.command import CommandKind
from spine.lease import LeaseState
from store.read import mitigations as rows
from store.read.mitigations import MitigationFilter

router = APIRouter(prefix="/api/ops/mitigations", tags=["mitigations"])
Reader = Annotated[Caller, Depends(calling(Scope.INCIDENTS_READ))]
Writer = Annotated[Caller, Depends(calling(Scope.ACTIONS_WRITE))]
_LIST = "mitigations"


@router.get("")
def list_mitigations(
    request: Request,
    caller: Reader,
    state: Annotated[list[LeaseState] | None, Query(description="One or several.")] = None,
    incident: UUID | None = None,
    action: Line | None = None,
    live: Annotated[bool | None, Query(description="Only what has not, or what has, been taken back.")] = None,
    drills: Annotated[bool, Query(description="The shadows of drills, too.")] = False,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> Listed[MitigationView]:
    """The tenant's mitigations, newest first."""
    filters = (state, incident, action, live, drills)
    wanted = MitigationFilter(state=state, incident=incident, action=action, live=live, drills=drills)
    with context_of(request).database.tenant(caller.tenant) as connection:
        page = rows.mitigations(connection, wanted, limit=limit, after=place(cursor, _LIST, *filters))
    return paged(page, MitigationView.of, _LIST, *filters)


@router.get("/{mitigation_id}", response_model=MitigationView)
def show_mitigation(
    request: Request, caller: Reader, mitigation_id: UUID, if_none_match: IfNoneMatch = None
) -> Response:
    """One mitigation."""
    return versioned(_shown(request, caller, mitigation_id), if_none_match)


@router.post("/{mitigation_id}/revert", status_code=202, response_model=CommandView, responses=TOLD)
async def revert_mitigation(
    request: Request,
    caller: Writer,
    mitigation_id: UUID,
    asked: Reason,
    if_match: IfMatch = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Take it back now. A run does it and reads back that it is gone; the answer says how far it is."""
    held = await run_in_threadpool(_shown, request, caller, mitigation_id)

    def check() -> None:
        shown = _shown(request, caller, mitigation_id)
        check_version(shown, if_match)
        if shown.state == LeaseState.REVERTED.value:
            at = f" at {shown.reverted_at:%Y-%m-%d %H:%M:%S} UTC" if shown.reverted_at else ""
            raise Problem(409, "lease.ended", f"It was taken back{at}: {shown.revert_reason}.")

    command = await ordered(
        request, caller, CommandKind.REVERT, incident_id=held.incident_id, lease_id=mitigation_id, reason=asked.reason,
        check=check, key=idempotency_key,
    )  # fmt: skip
    return await carried_out(request, caller, command)


def _shown(request: Request, caller: Caller, mitigation_id: UUID) -> MitigationView:
    with context_of(request).database.tenant(caller.tenant) as connection:
        return MitigationView.of(known(rows.mitigation(connection, mitigation_id), "mitigation"))
