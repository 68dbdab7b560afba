"""`/api/ops/approvals`: what waits for people, and their yes or no. A key never decides."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.api.answer import IfMatch, IfNoneMatch, check_version, known, versioned
from gateway.api.field import Prose
from gateway.api.view import ApprovalView, View, VoteView
from gateway.auth import Scope
from gateway.caller import Caller, calling, insufficient
from gateway.context import context_of
from gateway.paging import CursorText, Limit, Listed, paged, place
from gateway.problem import Problem
from spine.approval import ApprovalStatus, Code, Outcome, Vote
from spine.ids import ApprovalId
from spine.person import PersonRef
from store import approvals as stored
from store.decide import decide
from store.ratify import ratify
from store.read import approvals as rows
from store.read import incidents as incident_rows
from store.read import people as people_rows
from store.read.approvals import ApprovalFilter

router = APIRouter(prefix="/api/ops/approvals", tags=["approvals"])
Reader = Annotated[Caller, Depends(calling(Scope.APPROVALS_READ))]
Decider = Annotated[Caller, Depends(calling(Scope.APPROVALS_DECIDE))]
_LIST = "approvals"
_STATUS = {
    Code.ALREADY_DECIDED: 409, Code.ALREADY_VOTED: 409, Code.EXPIRED: 409, Code.VOID: 409,
    Code.NOTHING_TO_RATIFY: 409, Code.UNKNOWN: 404, Code.NOT_ALLOWED: 403, Code.SELF: 403, Code.AFFECTED: 403,
    Code.STEPUP_NEEDED: 401, Code.STEPUP_REFUSED: 401, Code.STEPUP_LOCKED: 429, Code.STEPUP_NOT_ENROLLED: 403,
    Code.STEPUP_UNAVAILABLE: 503,
}  # fmt: skip
_SETTLED = (Code.DECIDED, Code.EXPIRED, Code.VOID)
"""What the waiting run must hear of."""


class ApprovalDetail(View):
    """A question with what is asked, and the votes that count."""

    approval: ApprovalView
    steps: list[dict[str, Any]] = Field(description="The steps it is about, as a yes signs them.")
    votes: list[VoteView]


class Answer(BaseModel):
    """Somebody's word, with the code of their authenticator where their session has shown none lately."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "seen the evidence"}]})
    reason: Prose
    totp: str | None = Field(default=None, pattern=r"^[0-9]{6}$", description="Used once and stored nowhere.")


class Word(Answer):
    """The same, where only a fresh code will do."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "seen the evidence", "totp": "123456"}]})
    totp: str = Field(pattern=r"^[0-9]{6}$", description="Used once and stored nowhere.")


class Decided(View):
    """What came of a vote."""

    code: str = Field(examples=["approval.decided"])
    message: str
    decided_by: str | None = None
    approval: ApprovalView


@router.get("")
def list_approvals(
    request: Request,
    caller: Reader,
    status: ApprovalStatus | None = None,
    incident: UUID | None = None,
    drills: Annotated[bool, Query(description="Those of drills, too.")] = False,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> Listed[ApprovalView]:
    """The tenant's approvals, newest first."""
    filters = (status, incident, drills)
    wanted = ApprovalFilter(status=status, incident=incident, drills=drills)
    with context_of(request).database.tenant(caller.tenant) as connection:
        page = rows.approvals(connection, wanted, limit=limit, after=place(cursor, _LIST, *filters))
    return paged(page, ApprovalView.of, _LIST, *filters)


@router.get("/{approval_id}", response_model=ApprovalDetail)
def show_approval(request: Request, caller: Reader, approval_id: UUID, if_none_match: IfNoneMatch = None) -> Response:
    """One approval: what is asked, and who has said what."""
    return versioned(_detail(request, caller, approval_id), if_none_match)


@router.post("/{approval_id}/approve")
def approve(
    request: Request,
    caller: Decider,
    approval_id: UUID,
    asked: Answer,
    later: BackgroundTasks,
    if_match: IfMatch = None,
) -> Decided:
    """Say yes, with a fresh second factor. The first to decide wins; everybody later is told who did (409)."""
    return _vote(request, caller, approval_id, "approve", asked, later, if_match)


@router.post("/{approval_id}/deny")
def deny(
    request: Request,
    caller: Decider,
    approval_id: UUID,
    asked: Answer,
    later: BackgroundTasks,
    if_match: IfMatch = None,
) -> Decided:
    """Say no: nothing of it will run."""
    return _vote(request, caller, approval_id, "deny", asked, later, if_match)


@router.post("/{approval_id}/ratify")
def ratify_approval(request: Request, caller: Decider, approval_id: UUID, asked: Word) -> Decided:
    """Stand by what somebody else let through by break-glass; without that it is taken back in time."""
    context = context_of(request)
    _detail(request, caller, approval_id)
    outcome = ratify(
        context.database, ApprovalId(approval_id), person=_account(caller), via="api", totp=asked.totp,
        reason=asked.reason, settings=context.settings, now=context.clock.now(),
    )  # fmt: skip
    return _answered(request, outcome)


def _vote(
    request: Request,
    caller: Caller,
    approval_id: UUID,
    vote: Vote,
    asked: Answer,
    later: BackgroundTasks,
    if_match: str | None,
) -> Decided:
    context = context_of(request)
    if if_match is not None:
        check_version(_detail(request, caller, approval_id), if_match)
    outcome = decide(
        context.database, ApprovalId(approval_id), person=_account(caller), vote=vote, via="api", reason=asked.reason,
        totp=asked.totp, stepped_up_at=caller.stepped_up_at, settings=context.settings, now=context.clock.now(),
        tenant=caller.tenant,
    )  # fmt: skip
    if outcome.approval is not None and outcome.code in _SETTLED:
        later.add_task(context.wake, outcome.approval.id)
    return _answered(request, outcome)


def _answered(request: Request, outcome: Outcome) -> Decided:
    if outcome.counted and outcome.approval is not None:
        return Decided(
            code=outcome.code.value, message=outcome.message, decided_by=outcome.decided_by,
            approval=ApprovalView.of(outcome.approval),
        )  # fmt: skip
    if outcome.code is Code.STEPUP_NEEDED:
        raise insufficient(timedelta(seconds=context_of(request).settings.signin.stepup_seconds), person=True)
    status = _STATUS[outcome.code]
    headers = {"Retry-After": "60"} if status == 429 else {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    raise Problem(status, outcome.code.value, outcome.message, headers=headers)


def _account(caller: Caller) -> PersonRef:
    assert caller.account is not None, "approvals:decide is never a key's"
    return caller.account


def _detail(request: Request, caller: Caller, approval_id: UUID) -> ApprovalDetail:
    with context_of(request).database.tenant(caller.tenant) as connection:
        one = known(rows.approval(connection, approval_id), "approval")
        plan = incident_rows.decision(connection, one.decision_id) if one.decision_id else None
        votes = stored.ballots(connection, one.id)
        names = {vote.person_id: people_rows.member(connection, vote.person_id) for vote in votes}
    steps = [step for step in (plan or {}).get("steps", []) if step.get("order") in one.steps]
    shown = [VoteView.of(vote, who.email if (who := names[vote.person_id]) else None) for vote in votes]
    return ApprovalDetail(approval=ApprovalView.of(one), steps=steps, votes=shown)
