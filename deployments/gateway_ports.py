"""What the gateway asks of the orchestrator: wake a run, start a detection. Both only hasten schedules."""

from datetime import UTC, datetime
from uuid import UUID

import structlog

from gateway.context import Nudge, Wake
from spine.errors import Transient
from spine.ids import ApprovalId
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
        from blocks.orchestrator import wake  # takes a second to import: deployments/gateway.py sees to it

        try:
            if await wake(approval.flow_run_id):
                with database.system() as connection:
                    approvals.mark_resumed(connection, approval.id, datetime.now(UTC))
        except Transient as error:
            _log.warning("wake.failed", approval=str(approval_id), error=str(error))

    return wake_run


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
