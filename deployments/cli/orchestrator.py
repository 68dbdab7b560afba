"""The orchestrator, for commands: found through the running instance, imported only when it is needed."""

import asyncio
import os
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from deployments.instance import instance
from spine.settings import Settings


def reach(settings: Settings) -> None:
    """Let Prefect's client find the server; it reads this when it is imported."""
    running = instance(settings)
    url = f"{running['prefect_url']}/api" if running else settings.prefect.url
    os.environ.setdefault("PREFECT_API_URL", url)
    if running and "prefect_auth" in running:
        os.environ.setdefault("PREFECT_API_AUTH_STRING", running["prefect_auth"])
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "ERROR")


def cancel_run(settings: Settings, run: UUID) -> None:
    """What the button Cancel of Prefect UI does; reconcile sees to the rest.

    Raises:
        Transient: the orchestrator does not answer.
    """
    reach(settings)
    from blocks import orchestrator

    asyncio.run(orchestrator.cancel(run))


def start_run(settings: Settings, deployment: str, parameters: Mapping[str, Any], key: str) -> None:
    """Start a run by the name of its deployment, once per key.

    Raises:
        Transient: the orchestrator does not answer.
    """
    reach(settings)
    from blocks import orchestrator

    asyncio.run(orchestrator.start_run(deployment, parameters, idempotency_key=key, tags=("cli",)))
