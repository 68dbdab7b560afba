"""The gateway: one application, made from its settings and ports."""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator
from uuid import UUID

import structlog
from asgi_correlation_id import CorrelationIdMiddleware, correlation_id
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway import events, health, metrics, ofrep, problem, slack
from gateway.context import Context, Nudge, Wake, attach, context_of_app
from gateway.limit import BodyLimit
from gateway.nudge import Debounced
from gateway.refusal import Refusals
from spine.clock import Clock, SystemClock
from spine.ids import mint
from spine.settings import GatewaySettings, Settings
from store.engine import Database
from store.geo import GeoIp
from store.listen import CAUGHT_UP, notices

_log = structlog.get_logger("gateway.access")
_REQUEST_ID = re.compile(r"^[A-Za-z0-9._:-]{1,128}$")
_NUDGE_PAUSE_SECONDS = 5.0
_QUIET = re.compile(r"/(livez|readyz|api/metrics|ofrep/.*)")
"""Asked all the time by machines; not worth a line while it works."""


async def _left_to_the_sweep(_: UUID) -> None:
    """No orchestrator here: reconcile wakes the run at its next turn."""


async def _left_to_the_schedule() -> None:
    """No orchestrator here: detection runs at its next turn."""


def create_app(
    settings: Settings,
    database: Database,
    *,
    clock: Clock | None = None,
    wake: Wake = _left_to_the_sweep,
    nudge_detect: Nudge = _left_to_the_schedule,
) -> FastAPI:
    """The whole edge over `database`.

    `wake(approval_id)` is called after a decision was committed, `nudge_detect()` when an address overflows
    its bucket (at most every five seconds); both only hasten what schedules do anyway.
    """
    registry = CollectorRegistry()
    context = Context(
        settings=settings,
        database=database,
        clock=clock or SystemClock(),
        refusals=Refusals(database),
        wake=wake,
        nudge=Debounced(nudge_detect, _NUDGE_PAUSE_SECONDS),
        geo=GeoIp.of(settings.geoip_file),
        registry=registry,
        ingested=metrics.ingest_counter(registry),
        unusual=metrics.unusual_counter(registry),
    )
    app = FastAPI(
        title=f"{settings.app_name} operations",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        lifespan=_listening,
    )
    attach(app, context)
    problem.install(app)
    for router in (health.router, metrics.router, events.router):
        app.include_router(router)
    app.include_router(ofrep.create_router(database, clock=context.clock))
    if settings.slack.bot_token is not None and settings.slack.signing_secret is not None:
        app.include_router(slack.create_router(context, settings.slack))
    _wrap(app, settings.gateway)
    return app


def _wrap(app: FastAPI, limits: GatewaySettings) -> None:
    """What every request passes, the last one added first: its id, its line in the log, its size."""
    app.add_middleware(BodyLimit, usual=limits.max_body_bytes, ingest=limits.max_ingest_bytes)
    app.add_middleware(_AccessLog)
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


class _AccessLog:
    """One line a request, and the request's id on every line it causes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def note(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=correlation_id.get()):
            try:
                await self._app(scope, receive, note)
            finally:
                if status >= 400 or not _QUIET.fullmatch(scope["path"]):
                    ms = round((time.perf_counter() - began) * 1000, 1)
                    _log.info("request", method=scope["method"], path=scope["path"], status=status, ms=ms)
