"""`/api/ops/incidents`: what is wrong, its story, its evidence, its plan; seen, noted and ended by people."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict
from starlette.concurrency import run_in_threadpool

from gateway.api.answer import IdempotencyKey, IfMatch, IfNoneMatch, check_version, known, once, versioned
from gateway.api.field import Prose
from gateway.api.ordering import TOLD, CommandView, carried_out, ordered
from gateway.api.triage import Cause, Labelled, say_outcome
from gateway.api.view import ApprovalView, EvidenceView, IncidentView, MitigationView, TimelineLine, View
from gateway.auth import Scope, refused
from gateway.caller import Caller, calling
from gateway.context import context_of
from gateway.paging import CursorText, Limit, Listed, encode, number, paged, place
from gateway.problem import Problem
from spine.command import CommandKind
from spine.incident import IncidentKind, IncidentStatus
from spine.outcome import Outcome
from spine.redact import redact_text
from spine.severity import Severity
from store.attend import acknowledge, note
from store.read import approvals as approval_rows
from store.read import incidents as rows
from store.read import mitigations as lease_rows
from store.read.incidents import IncidentFilter

router = APIRouter(prefix="/api/ops/incidents", tags=["incidents"])
Reader = Annotated[Caller, Depends(calling(Scope.INCIDENTS_READ))]
Writer = Annotated[Caller, Depends(calling(Scope.INCIDENTS_WRITE))]
_LIST = "incidents"
_STORY = "timeline"


class IncidentDetail(View):
    """An incident with what hangs on it."""

    incident: IncidentView
    decision: dict[str, Any] | None = None
    """The plan in force, as it was frozen: steps, flags, risks, rollback plan, evidence, plan hash."""
    approvals: list[ApprovalView]
    mitigations: list[MitigationView]


class Reason(BaseModel):
    """Why somebody does something; it goes into timeline and audit trail."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "the attack is over"}]})
    reason: Prose


class Ending(Reason):
    """Why it ends, and what it was: models that order lists learn from it."""

    outcome: Outcome | None = None
    cause: Cause | None = None


class Note(BaseModel):
    """What somebody wants to be known about the incident."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"text": "Partner confirms a load test"}]}
    )
    text: Prose


@router.get("")
def list_incidents(
    request: Request,
    caller: Reader,
    status: Annotated[list[IncidentStatus] | None, Query(description="One or several.")] = None,
    kind: IncidentKind | None = None,
    severity: Annotated[int | None, Query(ge=0, le=3, description="This or worse: 0 info … 3 critical.")] = None,
    live: Annotated[bool | None, Query(description="Only those that are, or are not, under way.")] = None,
    drills: Annotated[bool, Query(description="Those of drills, too.")] = False,
    since: Annotated[AwareDatetime | None, Query(description="Opened then or later.")] = None,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> Listed[IncidentView]:
    """The tenant's incidents, newest first."""
    filters = (status, kind, severity, live, drills, since)
    wanted = IncidentFilter(
        status=status, kind=kind, least=None if severity is None else Severity(severity), live=live, drills=drills,
        since=since,
    )  # fmt: skip
    with context_of(request).database.tenant(caller.tenant) as connection:
        page = rows.incidents(connection, wanted, limit=limit, after=place(cursor, _LIST, *filters))
    return paged(page, IncidentView.of, _LIST, *filters)


@router.get("/{incident_id}", response_model=IncidentDetail)
def show_incident(request: Request, caller: Reader, incident_id: UUID, if_none_match: IfNoneMatch = None) -> Response:
    """One incident with its plan, its approvals and its mitigations."""
    return versioned(_detail(request, caller, incident_id), if_none_match)


@router.get("/{incident_id}/timeline")
def show_timeline(
    request: Request, caller: Reader, incident_id: UUID, limit: Limit = 100, cursor: CursorText = None
) -> Listed[TimelineLine]:
    """What happened, in order."""
    with context_of(request).database.tenant(caller.tenant) as connection:
        known(rows.incident(connection, incident_id), "incident")
        after = number(cursor, _STORY, incident_id) or 0
        lines, more = rows.story(connection, incident_id, limit=limit, after=after)
    items = [TimelineLine.model_validate(line) for line in lines]
    return Listed(items=items, next=None if more is None else encode(_STORY, (incident_id,), [more]))


@router.get("/{incident_id}/evidence")
def show_evidence(request: Request, caller: Reader, incident_id: UUID) -> list[EvidenceView]:
    """The receipts it rests on, oldest first."""
    with context_of(request).database.tenant(caller.tenant) as connection:
        known(rows.incident(connection, incident_id), "incident")
        return [EvidenceView.model_validate(row) for row in rows.receipts(connection, incident_id)]


@router.post("/{incident_id}/acknowledge", response_model=IncidentView)
def acknowledge_incident(
    request: Request, caller: Writer, incident_id: UUID, idempotency_key: IdempotencyKey = None
) -> JSONResponse:
    """Say that you have seen it and take care. Whoever was first stays; others are told who (409)."""
    context = context_of(request)

    def work() -> IncidentView:
        with context.database.system() as connection:
            seen = acknowledge(connection, caller.tenant, incident_id, actor=caller.actor, now=context.clock.now())
        found, first = known(seen, "incident")
        if not first:
            raise Problem(409, "incident.over", "The incident is resolved; there is nothing to take care of.")
        if first != caller.actor:
            at = f" at {found.acknowledged_at:%Y-%m-%d %H:%M:%S} UTC" if found.acknowledged_at else ""
            raise Problem(409, "incident.acknowledged", f"{first} has acknowledged it{at} and takes care.")
        return IncidentView.of(found)

    return once(context, caller, request, idempotency_key, None, work)


@router.post("/{incident_id}/notes", status_code=201, response_model=TimelineLine)
def add_note(
    request: Request, caller: Writer, incident_id: UUID, asked: Note, idempotency_key: IdempotencyKey = None
) -> JSONResponse:
    """Write a note into the timeline. Secrets in it are taken out."""
    context = context_of(request)

    def work() -> TimelineLine:
        said, now = redact_text(asked.text), context.clock.now()
        with context.database.system() as connection:
            known(note(connection, caller.tenant, incident_id, said, actor=caller.actor, now=now), "incident")
        return TimelineLine(at=now, kind="note", actor=caller.actor, summary=said)

    return once(context, caller, request, idempotency_key, asked, work, status=201)


@router.post("/{incident_id}/resolve", status_code=202, response_model=CommandView, responses=TOLD)
async def resolve_incident(
    request: Request,
    caller: Writer,
    incident_id: UUID,
    asked: Ending,
    if_match: IfMatch = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """End it: what it holds is taken back, its questions are void, and it is resolved.

    Of people whoever may act by hand: it takes back what is in force. A run does it; the answer says how far it is.
    """
    if caller.person is not None and Scope.ACTIONS_WRITE not in caller.scopes:
        await run_in_threadpool(refused, context_of(request), request, "caller.scope", caller.actor, caller.tenant)
        detail = f"{caller.actor} may not take back what an incident holds, so not end it. Ask a responder."
        raise Problem(403, "person.scope", detail)

    def check() -> None:
        shown = _detail(request, caller, incident_id)
        check_version(shown, if_match)
        if shown.incident.status == IncidentStatus.RESOLVED.value:
            raise Problem(409, "incident.over", "The incident is resolved already.")

    command = await ordered(
        request, caller, CommandKind.RESOLVE, incident_id=incident_id, reason=asked.reason, check=check,
        key=idempotency_key,
    )  # fmt: skip
    if asked.outcome is not None:
        said = Labelled(outcome=asked.outcome, cause=asked.cause)
        await run_in_threadpool(say_outcome, context_of(request), caller, incident_id, said)
    return await carried_out(request, caller, command)


def _detail(request: Request, caller: Caller, incident_id: UUID) -> IncidentDetail:
    with context_of(request).database.tenant(caller.tenant) as connection:
        found = known(rows.incident(connection, incident_id), "incident")
        asked = approval_rows.approvals(
            connection, approval_rows.ApprovalFilter(incident=found.id, drills=True), limit=200
        )
        held = lease_rows.mitigations(
            connection, lease_rows.MitigationFilter(incident=found.id, drills=True), limit=200
        )
        return IncidentDetail(
            incident=IncidentView.of(found), decision=rows.plan(connection, found.id),
            approvals=[ApprovalView.of(one) for one in asked.items],
            mitigations=[MitigationView.of(one) for one in held.items],
        )  # fmt: skip
