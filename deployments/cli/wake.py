"""Wakes the run that waits for an answer; whatever goes wrong here, reconcile does it a moment later."""

import asyncio
from uuid import UUID

from deployments.cli.orchestrator import reach
from spine.settings import Settings
from store.engine import Database


def wake_run(database: Database, settings: Settings, approval: UUID) -> None:
    """Resume the run that waits for `approval`."""
    reach(settings)
    from deployments.gateway_ports import wake_port

    asyncio.run(wake_port(database)(approval))
