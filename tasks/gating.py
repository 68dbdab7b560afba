"""What a gate writes: the question, the run that waits for its answer, and what came of it."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from spine.approval import Approval, ApprovalStatus
from spine.errors import Broken
from spine.ids import ApprovalId, IncidentId, PersonId
from spine.incident import IncidentStatus
from spine.plan import Decision, Gate, Step
from spine.settings import Settings
from store import approvals, incidents
from store.engine import Database
from tasks.progress import owned


def open_gate(
    database: Database,
    settings: Settings,
    decision: Decision,
    *,
    gate: Gate,
    steps: Sequence[Step],
    run: UUID,
    fence: int,
    now: datetime,
) -> Approval:
    """The approval of `steps`, asked for once; while it is pending, `run` is the one to wake for its answer.

    Raises:
        Refused: a newer run has taken the incident; it asks, and is the one to wake.
    """
    with database.system() as connection:
        incident = owned(connection, IncidentId(decision.incident_id), fence)
        approval = approvals.request(
            connection, decision, gate=gate, steps=[s.order for s in steps], now=now, settings=settings,
            barred=affected(connection, decision.incident_id),
        )  # fmt: skip
        if approval.status is not ApprovalStatus.PENDING:
            return approval
        waiting = approvals.attach_run(connection, approval.id, run)
        if incident.status is not IncidentStatus.AWAITING_APPROVAL:
            incidents.transition(
                connection, incident.id, IncidentStatus.AWAITING_APPROVAL, at=now, actor="engine",
                summary=f"Waiting for approval ({gate.label}) until {approval.expires_at:%H:%M:%S} UTC",
            )  # fmt: skip
    return _must(waiting, approval.id)


def affected(connection: Connection, incident: UUID) -> set[PersonId]:
    """People whose own account is under attack, as the diagnosis found."""
    rows = [row for row in incidents.evidence_rows(connection, incident) if row["source"] == "diagnosis"]
    return {PersonId(UUID(person)) for row in rows for person in row["body"].get("affected_people", ())}


def settle_gate(database: Database, settings: Settings, approval: ApprovalId, now: datetime) -> Approval:
    """How the approval stands now; one whose time is up is expired here and now."""
    with database.system() as connection:
        approvals.expire_due(connection, now, settings)
        return _must(approvals.get(connection, approval), approval)


def close_gate(database: Database, approval: ApprovalId, now: datetime) -> None:
    """The waiting run has seen the answer: nobody needs to wake it any more."""
    with database.system() as connection:
        approvals.mark_resumed(connection, approval, now)


def _must(found: Approval | None, approval: UUID) -> Approval:
    if found is None:
        raise Broken(f"The approval {approval} was stored and is gone; somebody deletes rows behind our back.")
    return found
