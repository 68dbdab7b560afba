"""What the gateway asks of the orchestrator: wake a run, start a detection. Both only hasten schedules."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

import structlog

from gateway.context import Nudge, Start, Wake
from spine.action import ActionSpec
from spine.errors import Transient
from spine.ids import ApprovalId
from spine.incident import IncidentKind
from store import approvals
from store.engine import Database

_log = structlog.get_logger("gateway.orchestrator")


def wake_port(database: Database) -> Wake:
    """Wakes the run that waits for an approval."""

    async def wake_run(approval_id: UUID) -> None:
        with database.system() as connection:
            approval = approvals.get(connection, ApprovalId(approval_id))
        if approval is None or approval.flow_run_id is None:
            return
        from blocks.orchestrator import wake  # takes a second to import: deployments/edge.py sees to it

        try:
            if await wake(approval.flow_run_id):
                with database.system() as connection:
                    approvals.mark_resumed(connection, approval.id, datetime.now(UTC))
        except Transient as error:
            _log.warning("wake.failed", approval=str(approval_id), error=str(error))

    return wake_run


def start_port() -> Start:
    """Starts a run by the name of its deployment."""

    async def start(deployment: str, parameters: Mapping[str, Any], key: str) -> bool:
        from blocks.orchestrator import start_run

        try:
            await start_run(deployment, parameters, idempotency_key=key, tags=("gateway",))
        except Transient as error:
            _log.warning("start.failed", deployment=deployment, error=str(error))
            return False
        return True

    return start


@cache
def specs() -> Mapping[str, ActionSpec[Any]]:
    """What can be done by hand."""
    from tasks.mitigations import actions  # not before somebody asks

    return {key: mitigation.spec for key, mitigation in actions().items()}


@cache
def drill_names() -> Mapping[IncidentKind, Sequence[str]]:
    """What can be rehearsed."""
    from runbooks.drills import drills  # not before somebody asks

    return {kind: [drill.name for drill in known] for kind, known in drills().items()}


def nudge_port(interval_seconds: float = 5) -> Nudge:
    """Starts a detection now; several gateways start one per interval together."""

    async def nudge() -> None:
        from blocks.orchestrator import start_run

        slot = int(datetime.now(UTC).timestamp() // interval_seconds)
        try:
            await start_run("detect/now", {}, idempotency_key=f"nudge:{slot}", tags=("nudge",))
        except Transient as error:
            _log.warning("nudge.failed", error=str(error))

    return nudge
