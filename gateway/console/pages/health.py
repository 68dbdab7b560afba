"""How well every part of the spine is, what an illness means, and what to do about it."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from gateway.console.page import HOME
from gateway.console.show import show
from gateway.console.visitor import HealthReader
from gateway.context import context_of
from gateway.health import components
from spine.health import Status, worst

router = APIRouter(include_in_schema=False)
_ORDER = (Status.FAIL, Status.WARN, Status.PASS)


@router.get(f"{HOME}/health")
def health(request: Request, visitor: HealthReader) -> HTMLResponse:
    """Every part, the ill ones first."""
    parts = components(context_of(request))
    ordered = sorted(parts.items(), key=lambda one: (_ORDER.index(one[1].reading.status), one[0]))
    whole = worst(part.reading.status for part in parts.values())
    return show(request, visitor, "health.html", section="health", parts_shown=ordered, whole=whole)
