"""Suppression windows: announced, running, ended early."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import HTMLResponse

from gateway.caller import Caller
from gateway.console.choice import chosen
from gateway.console.page import HOME, go
from gateway.console.pages.incidents import next_of
from gateway.console.show import reading, show
from gateway.console.visitor import SuppressionReader, SuppressionWriter
from gateway.context import context_of
from gateway.paging import place
from gateway.problem import Problem
from spine.errors import Refused
from spine.incident import IncidentKind
from spine.redact import redact_text
from spine.suppression import LONGEST, Reason
from store import suppressions as stored
from store.read import suppressions as rows

router = APIRouter(include_in_schema=False)
_LIST = "console.suppressions"
_LONGEST_MINUTES = LONGEST.total_seconds() / 60


@router.get(f"{HOME}/suppressions")
def list_suppressions(
    request: Request, visitor: SuppressionReader, cursor: Annotated[str | None, Query(max_length=500)] = None
) -> HTMLResponse:
    """Windows, latest first, with the form for a new one."""
    return _page(request, visitor, cursor)


@router.post(f"{HOME}/suppressions")
def announce(
    request: Request,
    visitor: SuppressionWriter,
    reason: Annotated[Reason, Form()],
    note: Annotated[str, Form(min_length=1, max_length=500)],
    minutes: Annotated[float, Form(gt=0, le=_LONGEST_MINUTES)],
    kind: Annotated[str, Form(max_length=60)] = "",
) -> Response:
    """Begin a window now."""
    context = context_of(request)
    now = context.clock.now()
    with context.database.tenant(visitor.tenant) as connection:
        stored.add(
            connection, visitor.tenant, reason=reason, kind=chosen(IncidentKind, kind),
            owner=visitor.actor, note=redact_text(note), starts_at=now, length=timedelta(minutes=minutes), now=now,
        )  # fmt: skip
    return go("/suppressions", said="suppressed")


@router.post(f"{HOME}/suppressions/{{suppression_id}}/end")
def end(request: Request, visitor: SuppressionWriter, suppression_id: UUID) -> Response:
    """End a window early."""
    context = context_of(request)
    with context.database.tenant(visitor.tenant) as connection:
        if rows.suppression(connection, suppression_id) is None:
            raise Problem(404, "suppression.unknown", "There is no such window in this tenant.")
        try:
            stored.end(connection, suppression_id, actor=visitor.actor, now=context.clock.now())
        except Refused as error:
            raise Problem(409, error.code, "It is over already; nothing was changed.") from error
    return go("/suppressions", said="unsuppressed")


def _page(request: Request, visitor: Caller, cursor: str | None) -> HTMLResponse:
    context = context_of(request)
    now, limit = context.clock.now(), context.settings.console.page_rows
    with reading(request, visitor) as connection:
        page = rows.suppressions(connection, now, limit=limit, after=place(cursor or None, _LIST))
    return show(
        request, visitor, "suppressions.html", section="suppressions", items=page.items, next=next_of(page, _LIST, ()),
        params={"cursor": cursor or ""}, reasons=list(Reason), kinds=list(IncidentKind), most=int(_LONGEST_MINUTES),
    )  # fmt: skip
