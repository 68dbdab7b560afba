"""The list of incidents, with filters and pages."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from gateway.caller import Caller
from gateway.console.choice import chosen
from gateway.console.page import HOME
from gateway.console.show import reading, show
from gateway.console.visitor import Reader
from gateway.context import context_of
from gateway.paging import encode, place
from spine.incident import IncidentKind, IncidentStatus
from spine.severity import Severity
from store.read import incidents as rows
from store.read.incidents import IncidentFilter
from store.read.page import Page
from store.read.queue import queue

router = APIRouter(include_in_schema=False)
_LIST = "console.incidents"
_LIVE = {"yes": True, "no": False}
_UNFILTERED = dict.fromkeys(("live", "kind", "least", "status", "drills", "cursor"), "")
Choice = Annotated[str, Query(max_length=60)]


@router.get(f"{HOME}/incidents")
def list_incidents(
    request: Request,
    visitor: Reader,
    live: Choice = "",
    kind: Choice = "",
    least: Choice = "",
    status: Choice = "",
    drills: Choice = "",
    order: Choice = "",
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> HTMLResponse:
    """Incidents of the tenant, newest first. A filter that is none counts as not set.

    With `order` "suggested": all that is live, as the model in use would have it looked at; there are no filters then.
    """
    if order == "suggested":
        return _suggested(request, visitor)
    wanted = IncidentFilter(
        status=[state] if (state := chosen(IncidentStatus, status)) else None,
        kind=chosen(IncidentKind, kind),
        least=Severity(int(least)) if least in ("0", "1", "2", "3") else None,
        live=_LIVE.get(live),
        drills=drills == "yes",
    )
    params = {"live": live, "kind": kind, "least": least, "status": status, "drills": drills}
    filters = tuple(params.values())
    limit = context_of(request).settings.console.page_rows
    with reading(request, visitor) as connection:
        page = rows.incidents(connection, wanted, limit=limit, after=place(cursor or None, _LIST, *filters))
    return show(
        request, visitor, "incidents.html", section="incidents", items=page.items, next=next_of(page, _LIST, filters),
        params={**params, "cursor": cursor or "", "order": ""}, scores={}, kinds=list(IncidentKind),
        states=list(IncidentStatus),
        severities=sorted(Severity, reverse=True), filtered=any(filters),
    )  # fmt: skip


def _suggested(request: Request, visitor: Caller) -> HTMLResponse:
    """The queue. Where no model is in use it is the deterministic order: worst first, then oldest."""
    enabled = context_of(request).settings.ml.enabled
    with reading(request, visitor) as connection:
        found = queue(connection, suggested=True, judged=enabled)
    return show(
        request, visitor, "incidents.html", section="incidents", items=[one.incident for one in found], next="",
        scores={one.incident.id: one.score for one in found if one.score}, params=_UNFILTERED | {"order": "suggested"},
        kinds=list(IncidentKind), states=list(IncidentStatus), severities=sorted(Severity, reverse=True),
        filtered=True,
    )  # fmt: skip


def next_of(page: Page[Any], listing: str, filters: tuple[object, ...]) -> str:
    """The cursor of the next page; "" = this was the last."""
    place = page.next
    return "" if place is None else encode(listing, filters, [place.at.isoformat(), str(place.id)])
