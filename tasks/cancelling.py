"""A person cancelled the run of an incident: that is no approval, and what was done is undone, containment excepted."""

from datetime import datetime

from spine.approval import ApprovalStatus
from spine.ids import IncidentId
from spine.settings import Settings
from store import approvals, incidents
from store.engine import Database
from tasks.leasing import ports_of, revert_incident
from tasks.progress import escalate


def cancelled_by_hand(database: Database, settings: Settings, incident_id: IncidentId, now: datetime) -> None:
    """Take back its questions and its leases, and hand the incident to people. The fence shuts the old run out.

    Prefect UI has no accounts: nobody signs for the cancelling, so what cuts harm off stays until people end it.
    """
    because = "its run was cancelled"
    with database.system() as connection:
        # The cancelled run stays the incident's run: if this is interrupted, the next round finds it and goes on.
        incidents.take(connection, incident_id, incidents.get(connection, incident_id, lock=True).flow_run_id)
        for approval in approvals.of_incident(connection, incident_id):
            if approval.status in (ApprovalStatus.PENDING, ApprovalStatus.APPROVED):
                approvals.void(connection, approval.id, because, now=now, settings=settings)
    revert_incident(database, incident_id, reason=because, ports=ports_of(settings), keep_containment=True)
    with database.system() as connection:
        escalate(connection, settings, incidents.get(connection, incident_id, lock=True), because, now)
