"""Wakes the run that waits for an answer; whatever goes wrong here, reconcile does it a moment later."""

import asyncio
import os
from uuid import UUID

from deployments.instance import instance
from spine.settings import Settings
from store.engine import Database


def wake_run(database: Database, settings: Settings, approval: UUID) -> None:
    """Resume the run that waits for `approval`."""
    running = instance(settings)
    url = f"{running['prefect_url']}/api" if running else settings.prefect.url
    os.environ.setdefault("PREFECT_API_URL", url)  # read by Prefect when it is imported
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "ERROR")
    from deployments.gateway_ports import wake_port

    asyncio.run(wake_port(database)(approval))
