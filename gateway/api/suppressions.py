"""`/api/ops/suppressions`: windows in which alarms are expected."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from gateway.api.answer import IdempotencyKey, IfMatch, IfNoneMatch, check_version, known, once, versioned
from gateway.api.field import Prose
from gateway.api.view import SuppressionView
from gateway.auth import Scope
from gateway.caller import Caller, calling
from gateway.context import context_of
from gateway.paging import CursorText, Limit, Listed, paged, place
from gateway.problem import Problem
from spine.errors import Refused
from spine.incident import IncidentKind
from spine.redact import redact_text
from spine.suppression import LONGEST, Reason
from store import suppressions as stored
from store.read import suppressions as rows

router = APIRouter(prefix="/api/ops/suppressions", tags=["suppressions"])
Reader = Annotated[Caller, Depends(calling(Scope.SUPPRESSIONS_READ))]
Writer = Annotated[Caller, Depends(calling(Scope.SUPPRESSIONS_WRITE))]
_LIST = "suppressions"
_AHEAD = timedelta(days=90)
_EXAMPLE: JsonDict = {"reason": "deploy", "note": "release 4.2", "length_minutes": 30}


class Announcement(BaseModel):
    """A window to come, or one that begins now."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})
    reason: Reason
    kind: IncidentKind | None = Field(default=None, description="null = every kind of incident.")
    note: Prose
    starts_at: AwareDatetime | None = Field(default=None, description="null = now; at most 90 days ahead.")
    length_minutes: float = Field(gt=0, le=LONGEST.total_seconds() / 60, description="Four hours at most.")


@router.get("")
def list_suppressions(
    request: Request,
    caller: Reader,
    current: Annotated[bool | None, Query(description="Only those that are not, or that are, over.")] = None,
    kind: Annotated[IncidentKind | None, Query(description="Those that hold incidents of this kind back.")] = None,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> Listed[SuppressionView]:
    """The tenant's windows, latest to begin first."""
    context, filters = context_of(request), (current, kind)
    with context.database.tenant(caller.tenant) as connection:
        page = rows.suppressions(
            connection, context.clock.now(), limit=limit, after=place(cursor, _LIST, *filters), current=current,
            kind=kind,
        )  # fmt: skip
    return paged(page, SuppressionView.of, _LIST, *filters)


@router.post("", status_code=201, response_model=SuppressionView)
def announce(
    request: Request, caller: Writer, asked: Announcement, idempotency_key: IdempotencyKey = None
) -> JSONResponse:
    """Announce a window: it holds back pages and automatic actions of new incidents, never the record."""
    context = context_of(request)
    now = context.clock.now()
    starts = asked.starts_at or now
    if not now - timedelta(minutes=1) <= starts <= now + _AHEAD:
        raise Problem(
            422, "suppression.start", "A window begins now or within 90 days; nothing is held back in hindsight.",
            errors=[{"pointer": "#/starts_at", "detail": "not between now and 90 days ahead"}],
        )  # fmt: skip

    def work() -> SuppressionView:
        with context.database.tenant(caller.tenant) as connection:
            made = stored.add(
                connection, caller.tenant, reason=asked.reason, kind=asked.kind, owner=caller.actor,
                note=redact_text(asked.note), starts_at=starts, length=timedelta(minutes=asked.length_minutes),
                now=now,
            )  # fmt: skip
        return SuppressionView.of(made)

    return once(context, caller, request, idempotency_key, asked, work, status=201)


@router.get("/{suppression_id}", response_model=SuppressionView)
def show_suppression(
    request: Request, caller: Reader, suppression_id: UUID, if_none_match: IfNoneMatch = None
) -> Response:
    """One window."""
    with context_of(request).database.tenant(caller.tenant) as connection:
        return versioned(SuppressionView.of(known(rows.suppression(connection, suppression_id), _NOUN)), if_none_match)


@router.delete("/{suppression_id}", response_model=SuppressionView)
def end_suppression(
    request: Request, caller: Writer, suppression_id: UUID, if_match: IfMatch = None,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:  # fmt: skip
    """End it early. What it held back is restored by the next look."""
    context = context_of(request)

    def work() -> SuppressionView:
        with context.database.tenant(caller.tenant) as connection:
            check_version(SuppressionView.of(known(rows.suppression(connection, suppression_id), _NOUN)), if_match)
            try:
                done = stored.end(connection, suppression_id, actor=caller.actor, now=context.clock.now())
            except Refused as error:
                raise Problem(409, error.code, "It is over already; nothing was changed.") from error
        return SuppressionView.of(done)

    return once(context, caller, request, idempotency_key, None, work)


_NOUN = "suppression"
