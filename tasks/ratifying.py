"""Break-glass that nobody stood by in time: what it let through is taken back, and people take over."""

from datetime import datetime

from spine.approval import Approval
from spine.incident import IncidentStatus
from spine.settings import Settings
from store import approvals, incidents
from store.engine import Database
from tasks.leasing import ports_of, revert_incident
from tasks.progress import escalate

_BECAUSE = "nobody ratified the break-glass in time"


def revert_unratified(database: Database, settings: Settings, now: datetime) -> int:
    """Undo every unratified break-glass whose time is up; returns how many. Safe to interrupt and to repeat."""
    with database.system() as connection:
        found = approvals.unratified(connection, now)
    for approval in found:
        _undo(database, settings, approval, now)
    return len(found)


def _undo(database: Database, settings: Settings, approval: Approval, now: datetime) -> None:
    """The approval is void last: until then the next round finds it again."""
    with database.system() as connection:
        incident = incidents.get(connection, approval.incident_id, lock=True)
        if incident.status is not IncidentStatus.RESOLVED:
            incidents.take(connection, incident.id, incident.flow_run_id)  # whatever runs may do nothing more
            escalate(connection, settings, incident, _BECAUSE, now)
    revert_incident(database, approval.incident_id, reason=_BECAUSE, ports=ports_of(settings))
    with database.system() as connection:
        approvals.void(connection, approval.id, _BECAUSE, now=now, settings=settings)
