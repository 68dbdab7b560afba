"""Break-glass that nobody stood by in time: what it let through is taken back, and people take over."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from spine.approval import Approval, ApprovalStatus, overdue
from spine.errors import OpsSpineError
from spine.ids import ApprovalId
from spine.incident import IncidentStatus
from spine.lease import Lease, LeaseState
from spine.settings import Settings
from store import approvals, flag_propose, incidents, leases
from store.engine import Database
from store.ratify import unratified
from store.retry import retrying
from tasks.leasing import ports_of, revert_lease
from tasks.progress import escalate

_BECAUSE = "nobody ratified the break-glass in time"


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBack:
    """One unratified break-glass whose time is up."""

    approval: ApprovalId
    error: str | None = None
    """Why it could not be taken back this time; it comes again next round."""


def revert_unratified(database: Database, settings: Settings, now: datetime) -> list[TakenBack]:
    """Undo every unratified break-glass whose time is up. Safe to interrupt, to repeat, and in several processes.

    One that fails does not keep the others waiting. What was ratified at the last moment is not among them.
    """
    with database.system() as connection:
        found = unratified(connection, now)
    taken = []
    for approval in found:
        try:
            if _undo(database, settings, approval, now):
                taken.append(TakenBack(approval=approval.id))
        except (OpsSpineError, SQLAlchemyError) as error:
            problem = f"The break-glass of approval {approval.id} could not be taken back: {error}"
            taken.append(TakenBack(approval=approval.id, error=problem))
    return taken


def _undo(database: Database, settings: Settings, approval: Approval, now: datetime) -> bool:
    """Void first, so that nobody ratifies what is being undone; while an effect is left, it is found again."""

    def transaction() -> list[Lease] | None:
        with database.system() as connection:
            current = approvals.locked(connection, approval.id, None)
            return _stop(connection, settings, current, now) if current and overdue(current, now) else None

    held = retrying(transaction)
    if held is None:
        return False
    for lease in reversed(held):
        revert_lease(database, lease.id, reason=_BECAUSE, ports=ports_of(settings))
    return True


def _stop(connection: Connection, settings: Settings, approval: Approval, now: datetime) -> list[Lease]:
    """Nothing more runs on this yes; returns what it let through and still holds, oldest first.

    People are called for what has to be taken back. Where something else that was approved holds, the incident
    and its run go on with that: handing them over would take that down, too.
    """
    approvals.void(connection, approval.id, _BECAUSE, now=now, settings=settings)
    if approval.change_id is not None:
        flag_propose.take_back(connection, approval.change_id, actor="engine", because=_BECAUSE, now=now)
    if approval.incident_id is None:
        return []
    live = [one for one in leases.of_incident(connection, approval.incident_id) if one.state is not LeaseState.REVERTED]
    mine = [one for one in live if _covers(approval, one)]
    asked = approvals.of_incident(connection, approval.incident_id)
    others = [one for one in asked if one.status is ApprovalStatus.APPROVED]  # this one is void by now
    holding = [one for one in live if one.ttl_seconds is not None]
    incident = incidents.get(connection, approval.incident_id)
    if (
        incident.status is not IncidentStatus.RESOLVED
        and any(_covers(approval, lease) for lease in holding)
        and not any(_covers(other, lease) for other in others for lease in holding)
    ):
        incidents.take(connection, incident.id, incident.flow_run_id)  # whatever runs may do nothing more
        escalate(connection, settings, incident, _BECAUSE, now)
    return mine


def _covers(approval: Approval, lease: Lease) -> bool:
    return lease.decision_id == approval.decision_id and lease.step in approval.steps
