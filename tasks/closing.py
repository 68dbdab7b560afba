"""A person ends an incident: what it holds is taken back, its questions are void, and it is resolved."""

from datetime import datetime

from spine.approval import ApprovalStatus
from spine.audit import AuditAction
from spine.errors import Refused
from spine.ids import IncidentId
from spine.incident import Incident, IncidentStatus
from spine.lease import LeaseState
from spine.settings import Settings
from store import approvals, audit, incidents, leases
from store.engine import Database
from tasks.leasing import ports_of, release_incident, revert_incident
from tasks.progress import escalate, resolve

_S = IncidentStatus
_NOT_AT_ONCE = (_S.MITIGATING, _S.VERIFYING)


def close_incident(
    database: Database, settings: Settings, incident_id: IncidentId, *, actor: str, reason: str, now: datetime
) -> Incident:
    """End the incident for good; the next attack opens a new one that links it. Its run is shut out by the fence.

    Raises:
        Refused: it is contained, and a second person has to close it, too: nothing was changed. Or something it holds
            could not be taken back: it stays open, and reconcile keeps trying.
    """
    ports = ports_of(settings)
    release_incident(database, incident_id, actor=actor, reason=reason, ports=ports)
    with database.system() as connection:
        found = incidents.get(connection, incident_id, lock=True)
        incidents.take(connection, incident_id, found.flow_run_id)
        if found.status is _S.RESOLVED:
            return found
        for approval in approvals.of_incident(connection, incident_id):
            if approval.status in (ApprovalStatus.PENDING, ApprovalStatus.APPROVED):
                approvals.void(connection, approval.id, f"{actor} closed the incident", now=now, settings=settings)
    revert_incident(database, incident_id, reason=f"{actor} closed the incident", ports=ports, actor=actor)
    with database.system() as connection:
        if any(one.state is not LeaseState.REVERTED for one in leases.of_incident(connection, incident_id)):
            raise Refused(
                "incident.holds",
                f"Incident {incident_id} still holds something that could not be taken back, so it stays open. "
                "It is tried again by itself; `opsspine leases list` shows what.",
            )
        found = incidents.get(connection, incident_id, lock=True)
        if found.status in _NOT_AT_ONCE:
            found = escalate(connection, settings, found, f"{actor} closed it", now)
        done = resolve(connection, settings, found, f"closed by {actor}: {reason}", now)
        audit.append(
            connection, done.tenant_id, AuditAction.INCIDENT_UPDATED, actor=actor, at=now,
            subject=f"incident:{done.id}", incident_id=done.id, detail={"closed_by": actor, "reason": reason},
        )  # fmt: skip
    return done
