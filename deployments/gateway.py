"""`python -m deployments.gateway`: the HTTP edge as a process of its own."""

import asyncio
import threading
from importlib import import_module

import uvicorn
from fastapi import FastAPI

from deployments.gateway_ports import nudge_port, wake_port
from deployments.instance import database as open_database
from deployments.log import configure
from gateway.app import create_app
from spine.settings import Settings

_LATER_SECONDS = 5
"""After the start of everything, in which every second of CPU counts."""


def application(settings: Settings) -> FastAPI:
    """The gateway of this installation, wired to its database and to the orchestrator."""
    database = open_database(settings)
    return create_app(settings, database, wake=wake_port(database), nudge_detect=nudge_port())


def main() -> None:
    """Serve until ended; requests under way are finished first."""
    configure("gateway")
    settings = Settings()
    if settings.prefect.blocks:
        from blocks.overlay import settings_from_blocks

        settings = asyncio.run(settings_from_blocks())
    orchestrator = threading.Timer(_LATER_SECONDS, import_module, ["blocks.orchestrator"])
    orchestrator.daemon = True
    orchestrator.start()  # Prefect takes a second to import, and the first click shall not wait for it
    where = settings.gateway
    uvicorn.run(
        application(settings), host=where.host, port=where.port, log_config=None, access_log=False,
        timeout_graceful_shutdown=5, server_header=False,
    )  # fmt: skip


if __name__ == "__main__":
    main()
