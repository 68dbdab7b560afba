"""Approvals: what waits, and the yes or no of whoever is signed in. Every one goes through `store.decide`."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks, Form, Query, Request, Response
from fastapi.responses import HTMLResponse

from gateway.caller import Caller
from gateway.console import asked
from gateway.console.choice import chosen
from gateway.console.page import HOME, back_to, local
from gateway.console.pages.incidents import Choice, next_of
from gateway.console.show import reading, show
from gateway.console.visitor import Decider, Reader, account_of
from gateway.context import context_of
from gateway.paging import place
from gateway.problem import Problem
from spine.approval import ApprovalStatus, Code, Outcome
from spine.ids import ApprovalId
from store.decide import decide
from store.ratify import ratify
from store.read import approvals as rows
from store.read.approvals import ApprovalFilter

router = APIRouter(include_in_schema=False)
_LIST = "console.approvals"
_SETTLED = (Code.DECIDED, Code.EXPIRED, Code.VOID)
"""What the waiting run must hear of."""
_SAID = {Code.VOTE_COUNTED: "counted", Code.RATIFIED: "ratified"}
_STATUS = {Code.UNKNOWN: 404, Code.NOT_ALLOWED: 403, Code.SELF: 403, Code.AFFECTED: 403, Code.STEPUP_LOCKED: 429}
Reason = Annotated[str, Form(max_length=500)]
OneTimeCode = Annotated[str, Form(max_length=12)]
Back = Annotated[str, Form(max_length=500)]


@router.get(f"{HOME}/approvals")
def list_approvals(
    request: Request,
    visitor: Reader,
    status: Choice = "",
    drills: Choice = "",
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> HTMLResponse:
    """What waits on top, everything that was asked below."""
    limit = context_of(request).settings.console.page_rows
    wanted = ApprovalFilter(status=chosen(ApprovalStatus, status), drills=drills == "yes")
    filters = (status, drills)
    with reading(request, visitor) as connection:
        page = rows.approvals(connection, wanted, limit=limit, after=place(cursor or None, _LIST, *filters))
        listed = [asked.one(request, connection, visitor, one) for one in page.items]
    return show(
        request, visitor, "approvals.html", section="approvals", waiting_now=asked.asked(request, visitor),
        listed=asked.named(request, listed), next=next_of(page, _LIST, filters), states=list(ApprovalStatus),
        filtered=any(filters),
        params={"status": status, "drills": drills, "cursor": cursor or ""},
    )  # fmt: skip


@router.get(f"{HOME}/approvals/{{approval_id}}")
def show_approval(request: Request, visitor: Reader, approval_id: UUID) -> HTMLResponse:
    """One question by itself: where links of messages lead."""
    return _page(request, visitor, approval_id)


@router.post(f"{HOME}/approvals/{{approval_id}}/decide")
def decide_approval(
    request: Request,
    later: BackgroundTasks,
    visitor: Decider,
    approval_id: UUID,
    vote: Annotated[Literal["approve", "deny"], Form()],
    reason: Reason = "",
    code: OneTimeCode = "",
    back: Back = HOME,
) -> Response:
    """A yes or no. The second factor is the code, or what the session has shown in the last minutes."""
    if not reason.strip():
        return _page(request, visitor, approval_id, back, "Say why: it goes into the audit trail.", reason, 422)
    context = context_of(request)
    outcome = decide(
        context.database, ApprovalId(approval_id), person=account_of(visitor), vote=vote, via="console", reason=reason,
        totp=code.strip() or None, stepped_up_at=visitor.stepped_up_at, settings=context.settings,
        now=context.clock.now(), tenant=visitor.tenant,
    )  # fmt: skip
    if outcome.approval is not None and outcome.code in _SETTLED:
        later.add_task(context.wake, outcome.approval.id)
    said = _SAID.get(outcome.code, "approved" if vote == "approve" else "denied")
    return _answer(request, visitor, approval_id, outcome, said, back, reason)


@router.post(f"{HOME}/approvals/{{approval_id}}/ratify")
def ratify_approval(
    request: Request,
    visitor: Decider,
    approval_id: UUID,
    code: OneTimeCode = "",
    reason: Reason = "",
    back: Back = HOME,
) -> Response:
    """Stand by what somebody else let through by break-glass; only a fresh code will do."""
    context = context_of(request)
    with reading(request, visitor) as connection:
        if rows.approval(connection, approval_id) is None:
            raise _unknown()
    outcome = ratify(
        context.database, ApprovalId(approval_id), person=account_of(visitor), via="console", totp=code.strip(),
        reason=reason, settings=context.settings, now=context.clock.now(),
    )  # fmt: skip
    return _answer(request, visitor, approval_id, outcome, "ratified", back, reason)


def _answer(
    request: Request, visitor: Caller, approval_id: UUID, outcome: Outcome, said: str, back: str, reason: str
) -> Response:
    """To the page it came from when it counts, else the question again with what stood against it."""
    if outcome.code is Code.UNKNOWN:
        raise _unknown()
    if outcome.counted:
        return back_to(back, said)
    return _page(request, visitor, approval_id, back, outcome.message, reason, _STATUS.get(outcome.code, 409))


def _page(
    request: Request,
    visitor: Caller,
    approval_id: UUID,
    back: str = "",
    wrong: str = "",
    reason: str = "",
    status: int = 200,
) -> HTMLResponse:
    with reading(request, visitor) as connection:
        found = rows.approval(connection, approval_id)
        if found is None:
            raise _unknown()
        seen = asked.one(request, connection, visitor, found)
    (one,) = asked.named(request, [seen])
    key = str(approval_id)
    target = local(back) if back else f"{HOME}/approvals/{approval_id}"
    return show(
        request, visitor, "approval.html", section="approvals", status=status, one=one, back=target,
        wrong={key: wrong} if wrong else {}, typed={key: reason} if reason else {},
    )  # fmt: skip


def _unknown() -> Problem:
    return Problem(404, "approval.unknown", "There is no such approval in this tenant. The list shows all there are.")
