"""The audit trail as people read it, and whether its chain holds together."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Connection

from gateway.console.choice import chosen
from gateway.console.page import HOME, Said
from gateway.console.pages.incidents import Choice
from gateway.console.show import reading, show
from gateway.console.visitor import Auditor
from gateway.context import context_of
from gateway.paging import encode, number
from spine.audit import AuditAction
from spine.ids import TenantId
from store import audit
from store.read import trail
from store.read.trail import TrailFilter

router = APIRouter(include_in_schema=False)
_LIST = "console.audit"
_LONGEST_ACTOR = 200


@router.get(f"{HOME}/audit")
def list_entries(
    request: Request,
    visitor: Auditor,
    action: Choice = "",
    actor: Annotated[str, Query(max_length=_LONGEST_ACTOR)] = "",
    incident: Choice = "",
    verify: Choice = "",
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> HTMLResponse:
    """Entries of the tenant's chain, newest first. The chain is verified when it is asked for, or short."""
    wanted = TrailFilter(
        action=chosen(AuditAction, action), incident=_uuid(incident),
        actor=actor.strip() or None,
    )  # fmt: skip
    params = {"action": action, "actor": actor, "incident": incident}
    filters = tuple(params.values())
    rules = context_of(request).settings.console
    with reading(request, visitor) as connection:
        head = audit.head(connection, visitor.tenant)
        entries, more = trail.trail(
            connection, wanted, limit=rules.page_rows, before=number(cursor or None, _LIST, *filters)
        )
        short = head is not None and head.seq <= rules.verify_rows
        verdict = _verified(connection, visitor.tenant) if short or verify == "yes" else None
    return show(
        request, visitor, "audit.html", section="audit", entries=entries, head=head, verdict=verdict,
        next="" if more is None else encode(_LIST, filters, [more]), params={**params, "cursor": cursor or ""},
        actions=list(AuditAction), filtered=any(filters),
    )  # fmt: skip


@router.get(f"{HOME}/audit/{{seq}}")
def show_entry(request: Request, visitor: Auditor, seq: int) -> HTMLResponse:
    """One entry in full, with its place in the chain."""
    with reading(request, visitor) as connection:
        found = trail.entry(connection, seq) if 0 < seq < 2**63 else None
    return show(
        request, visitor, "audit_entry.html", section="audit", entry=found, seq=seq, status=200 if found else 404
    )


def _verified(connection: Connection, tenant: TenantId) -> Said:
    """What recomputing every hash of the chain says."""
    bad = audit.verify(connection, tenant)
    if bad is None:
        return Said("Verified: every hash was recomputed, nothing is missing, changed or out of order.")
    return Said(f"The chain is broken: {bad}. Compare it with the signed checkpoints: opsspine audit verify.", "bad")


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
