"""The gateway: one application, made from its settings and ports."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from asgi_correlation_id import CorrelationIdMiddleware
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from gateway import api, events, health, metrics, ofrep, problem, slack
from gateway.access import Access
from gateway.api import document
from gateway.cause import Cause
from gateway.console.site import install as install_console
from gateway.context import Actions, Context, Drills, Nudge, Start, Wake, attach, context_of_app
from gateway.identity.site import install as install_identity
from gateway.limit import BodyLimit
from gateway.measure import Measures
from gateway.nudge import Debounced
from gateway.purse import Purse
from gateway.refusal import Refusals
from spine.action import ActionSpec
from spine.clock import Clock, SystemClock
from spine.ids import mint
from spine.incident import IncidentKind
from spine.log import plain
from spine.settings import GatewaySettings, Settings
from store.engine import Database
from store.geo import GeoIp
from store.hooks import Later, hooks, reporter
from store.listen import CAUGHT_UP, notices

_REQUEST_ID = re.compile(r"^[A-Za-z0-9._:-]{1,128}\Z")
_NUDGE_PAUSE_SECONDS = 5.0


async def _left_to_the_sweep(_: UUID) -> None:
    """No orchestrator here: reconcile wakes the run at its next turn."""


async def _left_to_the_schedule() -> None:
    """No orchestrator here: detection runs at its next turn."""


async def _left_to_reconcile(_deployment: str, _parameters: Mapping[str, Any], _key: str) -> bool:
    """No orchestrator here: reconcile starts the run at its next turn."""
    return False


def _no_actions() -> Mapping[str, ActionSpec[Any]]:
    """Nothing can be done by hand where nobody says what there is."""
    return {}


def _no_drills() -> Mapping[IncidentKind, Sequence[str]]:
    """Nobody says which drills there are: what was played is known."""
    return {}


def create_app(
    settings: Settings,
    database: Database,
    *,
    clock: Clock | None = None,
    wake: Wake = _left_to_the_sweep,
    nudge_detect: Nudge = _left_to_the_schedule,
    start: Start = _left_to_reconcile,
    actions: Actions = _no_actions,
    drills: Drills = _no_drills,
) -> FastAPI:
    """The whole edge over `database`.

    `wake(approval_id)` is called after a decision was committed, `nudge_detect()` when an address overflows
    its bucket (at most every five seconds), `start` where a run is wanted: all three only hasten what schedules do
    anyway. `actions()` is what people and programs can ask for by hand, `drills()` what can be rehearsed.
    """
    plain()
    registry = CollectorRegistry()
    measures = Measures.of(registry)
    context = Context(
        settings=settings,
        database=database,
        clock=clock or SystemClock(),
        refusals=Refusals(database, measures.refused),
        purse=Purse(database),
        wake=wake,
        nudge=Debounced(nudge_detect, _NUDGE_PAUSE_SECONDS),
        start=start,
        actions=actions,
        drills=drills,
        listeners=Later(hooks(database, settings), reporter(database)),
        geo=GeoIp.of(settings.geoip_file),
        registry=registry,
        ingested=measures.ingested,
        unusual=measures.unusual,
    )
    app = FastAPI(
        title=f"{settings.app_name} operations",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        # the framework's own would export messages of exceptions as they are; ours hides secrets (gateway/access.py)
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
        lifespan=_listening,
    )
    attach(app, context)
    problem.install(app)
    for router in (health.router, metrics.router, events.router):
        app.include_router(router)
    for router in api.ROUTERS:
        app.include_router(router)
    if settings.slack.bot_token is not None and settings.slack.signing_secret is not None:
        app.include_router(slack.create_router(context))
    install_identity(app)
    install_console(app)
    document.install(app)
    _wrap(app, settings.gateway, measures)
    app.add_middleware(ofrep.Ofrep, edge=app, context=context)  # before all others: read at every login
    return app


def _wrap(app: FastAPI, limits: GatewaySettings, measures: Measures) -> None:
    """What every request passes, the last one added first: its id, its line in the log, its size."""
    app.add_middleware(Cause)
    app.add_middleware(BodyLimit, usual=limits.max_body_bytes, ingest=limits.max_ingest_bytes)
    app.add_middleware(Access, measures=measures)
    app.add_middleware(
        CorrelationIdMiddleware,
        generator=lambda: str(mint()),
        validator=lambda text: _REQUEST_ID.match(text) is not None,
    )


@contextlib.asynccontextmanager
async def _listening(app: FastAPI) -> AsyncIterator[None]:
    """While the app runs, an address that overflows its bucket (whoever wrote the events) hastens detection."""
    context = context_of_app(app)

    async def listen() -> None:
        async for notice in notices(context.database.url, "bucket_overflow"):
            if notice != CAUGHT_UP:
                await context.nudge()

    task = asyncio.create_task(listen())
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
