"""`/api/ops/audit`: the tenant's trail, entry by entry, verified, and as a whole to be kept elsewhere."""

from collections.abc import Iterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, Field

from gateway.api.answer import known
from gateway.api.field import Line
from gateway.api.view import AuditView, View
from gateway.auth import Scope
from gateway.caller import Caller, calling
from gateway.context import context_of
from gateway.paging import CursorText, Limit, Listed, encode, number
from spine.audit import AuditAction
from store import audit as stored
from store.read import trail as rows
from store.read.trail import TrailFilter

router = APIRouter(prefix="/api/ops/audit", tags=["audit"])
Reader = Annotated[Caller, Depends(calling(Scope.AUDIT_READ))]
_LIST = "audit"
_NDJSON = "application/x-ndjson"
_PAGE = 1_000
"""Entries that an export reads at once."""


class Verified(View):
    """Whether the chain is whole."""

    whole: bool
    entries: int = Field(description="How far the chain reaches.")
    head: str | None = Field(default=None, description="Hash of its last entry; compare it with your own copy.")
    first_bad: int | None = Field(default=None, description="Number of the first entry that is not right.")
    because: str = ""


@router.get("")
def list_audit(
    request: Request,
    caller: Reader,
    action: AuditAction | None = None,
    incident: UUID | None = None,
    actor: Annotated[Line | None, Query(examples=["person:ann@example.org"])] = None,
    request_id: Annotated[Line | None, Query(description="What this request wrote, and the runs it caused.")] = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> Listed[AuditView]:
    """The tenant's entries, newest first."""
    filters = (action, incident, actor, request_id, since, until)
    wanted = TrailFilter(action=action, incident=incident, actor=actor, request=request_id, since=since, until=until)
    before = number(cursor, _LIST, *filters)
    with context_of(request).database.tenant(caller.tenant) as connection:
        found, more = rows.trail(connection, wanted, limit=limit, before=before)
    following = None if more is None else encode(_LIST, filters, [more])
    return Listed(items=[AuditView.of(one) for one in found], next=following)


@router.get("/verify")
def verify_audit(request: Request, caller: Reader) -> Verified:
    """Walk the whole chain: every hash is made again, and the first entry that is not right is named."""
    with context_of(request).database.tenant(caller.tenant) as connection:
        head, bad = stored.head(connection, caller.tenant), stored.verify(connection, caller.tenant)
    return Verified(
        whole=bad is None, entries=head.seq if head else 0, head=head.hash.hex() if head else None,
        first_bad=bad.seq if bad else None, because=str(bad) if bad else "",
    )  # fmt: skip


@router.get("/export", responses={200: {"content": {_NDJSON: {}}, "description": "The chain, one entry a line."}})
def export_audit(request: Request, caller: Reader) -> StreamingResponse:
    """The whole chain as NDJSON; `opsspine audit verify --file` checks it anywhere."""
    database = context_of(request).database

    def pages() -> Iterator[str]:
        after: stored.Place | None = stored.START
        while after is not None:
            with database.tenant(caller.tenant) as connection:  # given back before the page goes out: who reads slowly
                found, after = stored.links_page(connection, caller.tenant, after, _PAGE)  # holds up nobody else
            yield "".join(f"{link.exported()}\n" for link in found)

    return StreamingResponse(pages(), media_type=_NDJSON)


@router.get("/{seq}")
def show_entry(
    request: Request, caller: Reader, seq: Annotated[int, Path(ge=1, lt=2**63, description="Its number.")]
) -> AuditView:
    """One entry of the tenant's chain."""
    with context_of(request).database.tenant(caller.tenant) as connection:
        return AuditView.of(known(rows.entry(connection, seq), "entry"))
