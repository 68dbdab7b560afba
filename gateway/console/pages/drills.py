"""Drills: how fresh each runbook's rehearsal is, what came of the last ones, and starting one."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

from asgi_correlation_id import correlation_id
from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse

from gateway.console.page import HOME, go
from gateway.console.show import reading, show
from gateway.console.visitor import Actor, Reader
from gateway.context import context_of
from gateway.problem import Problem
from spine.ids import mint
from spine.incident import AUTH_KINDS, IncidentKind
from store.drills import installed_at
from store.read import drills as rows

router = APIRouter(include_in_schema=False)
_DEPLOYMENT = "{}/drill"
"""How a kind's drills are called in Prefect."""


@router.get(f"{HOME}/drills")
def list_drills(request: Request, visitor: Reader) -> HTMLResponse:
    """Every runbook with its last passed drill and when the next is due; the latest drills; a form."""
    context = context_of(request)
    with context.database.system() as connection:
        fresh, begun = rows.freshness(connection), installed_at(connection)
    with reading(request, visitor) as connection:
        recent = rows.recent(connection, context.settings.console.page_rows)
    days = timedelta(days=context.settings.drill.fresh_days)
    stands, declared = [], context.drills()
    choices: dict[IncidentKind, Sequence[str]] = {}
    for kind in AUTH_KINDS:
        found = fresh.get(kind)
        last = found.last_passed if found else None
        stands.append((kind, last, (max(last, begun) if last else begun) + days))
        choices[kind] = declared.get(kind) or (found.names if found else ()) or [""]
    return show(request, visitor, "drills.html", section="drills", stands=stands, recent=recent, choices=choices)


@router.get(f"{HOME}/drills/{{drill_id}}")
def show_drill(request: Request, visitor: Reader, drill_id: str) -> HTMLResponse:
    """One drill with every assertion."""
    with reading(request, visitor) as connection:
        found = rows.get(connection, drill_id)
    if found is None:
        raise Problem(404, "drill.unknown", "There is no such drill in this tenant.")
    ui = context_of(request).settings.prefect.ui_url
    return show(request, visitor, "drill.html", section="drills", drill=found, run=f"{ui}/runs/flow-run/{found.id}")


@router.post(f"{HOME}/drills")
async def start_drill(
    request: Request,
    visitor: Actor,
    drill: Annotated[str, Form(max_length=100, pattern="^[A-Z_]+/[a-z0-9_]*$")],
    unattended: Annotated[str, Form(max_length=5)] = "",
) -> Response:
    """Play one, `KIND/name` ("" = the kind's first): nothing real is touched. Its run takes seconds to begin."""
    kind, _, name = drill.partition("/")
    if kind not in AUTH_KINDS:
        raise Problem(422, "drill.kind", "No runbook of this kind is rehearsed. Choose one of the list.")
    parameters = {
        "name": name, "seed": 1, "tenant": visitor.tenant, "unattended": unattended == "yes", "who": visitor.actor,
    }  # fmt: skip
    key = f"drill:{correlation_id.get() or mint()}"
    if not await context_of(request).start(_DEPLOYMENT.format(kind.lower()), parameters, key):
        detail = f"The orchestrator does not answer, so no drill was started. Try again, or: opsspine drill {kind}"
        raise Problem(503, "orchestrator.silent", detail, headers={"Retry-After": "30"})
    return go("/drills", said="drill")
