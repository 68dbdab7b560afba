"""The overview: what is going on, what waits for you, and how well the spine is."""

from datetime import datetime, timedelta

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Connection

from gateway.console.asked import asked
from gateway.console.chart import Chart, draw, step_for
from gateway.console.page import HOME
from gateway.console.show import reading, show
from gateway.console.visitor import Reader
from gateway.context import context_of
from gateway.health import components
from spine.family import FAMILIES, Family
from spine.health import Status, worst
from spine.incident import Incident, IncidentKind
from spine.severity import Severity
from store.read import chart, incidents, mitigations
from store.read.incidents import IncidentFilter
from store.read.mitigations import MitigationFilter

router = APIRouter(include_in_schema=False)
_SHOWN = 50
_BACK = timedelta(hours=3)
_CHARTS = 3


@router.get(HOME)
def overview(request: Request, visitor: Reader) -> HTMLResponse:
    """Live incidents by severity, what waits, what is in force, charts, health."""
    context = context_of(request)
    now = context.clock.now()
    with reading(request, visitor) as connection:
        live = incidents.incidents(connection, IncidentFilter(live=True), limit=_SHOWN).items
        ended = incidents.incidents(connection, IncidentFilter(live=False), limit=5).items
        held = mitigations.mitigations(connection, MitigationFilter(live=True), limit=_SHOWN).items
        charts = _charts(connection, live, ended, now)
    parts = components(context)
    return show(
        request, visitor, "overview.html", section="overview",
        live=sorted(live, key=lambda one: (-one.severity, one.opened_at)), ended=ended,
        held=[lease for lease in held if lease.ttl_seconds],
        by_severity=[(level, sum(one.severity is level for one in live)) for level in sorted(Severity, reverse=True)],
        asked=asked(request, visitor), charts=charts, component_n=len(parts),
        whole=worst(part.reading.status for part in parts.values()),
        ill=[(key, part) for key, part in sorted(parts.items()) if part.reading.status is not Status.PASS],
    )  # fmt: skip


def _charts(
    connection: Connection, live: tuple[Incident, ...], ended: tuple[Incident, ...], now: datetime
) -> list[Chart]:
    """Failures of logins, and of the kinds that have an incident now, with the incidents shaded."""
    kinds: dict[str, tuple[Family, list[IncidentKind]]] = {}
    for kind in (IncidentKind.FAILED_LOGINS_SPIKE, *(one.kind for one in live)):
        if (family := FAMILIES.get(kind)) is not None:
            kinds.setdefault(family.noun, (family, []))[1].append(kind)
    drawn = []
    for noun, (family, mine) in list(kinds.items())[:_CHARTS]:
        found = chart.series(connection, family.failures, now - _BACK, now, step_for(_BACK))
        spans = [(one.first_event_at, one.resolved_at or now) for one in (*live, *ended) if one.kind in mine]
        drawn.append(draw(f"Failed {noun}", found, spans))
    return drawn
