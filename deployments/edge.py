"""The HTTP edge in one process: the gateway's application, wired to this installation, and its server."""

import asyncio
import socket
import threading
from importlib import import_module

import uvicorn
from fastapi import FastAPI
from prometheus_client.multiprocess import mark_process_dead
from starlette.types import ASGIApp

from deployments.gateway_ports import drill_names, nudge_port, specs, start_port, wake_port
from deployments.instance import database as open_database
from deployments.log import configure
from deployments.observing import observe
from gateway.app import create_app
from spine.settings import Settings

_CONNECTIONS = 20
"""To PostgreSQL, of all workers together, and all are kept: in a crowd to make one costs more than to wait for one."""
_LEAST_CONNECTIONS = 8
_KEPT_SECONDS = 75
"""Connections that stand idle: longer than proxies keep theirs (60 s), so none sends into one that has just ended."""
_LATER_SECONDS = 5
"""After the start of everything, in which every second of CPU counts."""


def application(settings: Settings, connections: int = _CONNECTIONS) -> FastAPI:
    """The gateway of this installation, wired to its database and to the orchestrator."""
    database = open_database(settings, pool_size=connections, overflow=0)
    return create_app(
        settings,
        database,
        wake=wake_port(database),
        nudge_detect=nudge_port(),
        start=start_port(),
        actions=specs,
        drills=drill_names,
    )


def serve(listener: socket.socket, settings: Settings, workers: int) -> None:
    """Serve on `listener` until ended, as one of `workers`; requests under way are finished first."""
    configure("gateway")
    observe("gateway", settings)
    if settings.prefect.blocks:
        from blocks.overlay import settings_from_blocks

        settings = asyncio.run(settings_from_blocks())
    orchestrator = threading.Timer(_LATER_SECONDS, import_module, ["blocks.orchestrator"])
    orchestrator.daemon = True
    orchestrator.start()  # Prefect takes a second to import, and the first click shall not wait for it
    connections = max(_CONNECTIONS // workers, _LEAST_CONNECTIONS)
    server(application(settings, connections), settings).run([listener])


def server(app: ASGIApp, settings: Settings) -> uvicorn.Server:
    """What speaks HTTP before `app`."""
    return uvicorn.Server(
        uvicorn.Config(
            app, log_config=None, access_log=False, timeout_keep_alive=_KEPT_SECONDS, timeout_graceful_shutdown=5,
            server_header=False, forwarded_allow_ips=settings.gateway.proxies,
        )
    )  # fmt: skip


def gone(worker: int) -> None:
    """A worker has ended: what it was doing at that moment counts no more, what it had done still does."""
    mark_process_dead(worker)  # type: ignore[no-untyped-call]
