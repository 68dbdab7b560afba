"""What an incident needs, seen from its state and that of its run."""

from datetime import datetime
from enum import Enum

from sqlalchemy import Connection

from blocks.orchestrator import RunState
from spine.incident import Incident, IncidentStatus
from spine.lease import LeaseState
from store import approvals, decisions, leases
from store.engine import Database
from tasks.outdating import outdated
from tasks.verifying import harmful, look

_S = IncidentStatus
_UNDER_WAY = frozenset({_S.OPEN, _S.AWAITING_APPROVAL, _S.MITIGATING, _S.VERIFYING, _S.ROLLING_BACK})


class Need(Enum):
    """What reconcile should do for an incident."""

    NOTHING = "nothing"
    START = "start"
    """No run works on it, and one should."""
    WAKE = "wake"
    """Its run waits for something that has happened."""
    COMPENSATE = "compensate"
    """A person cancelled its run: undo what it did, and hand the incident over."""


def need(connection: Connection, database: Database, incident: Incident, run: RunState | None, now: datetime) -> Need:
    """What `incident` needs now; `run` is the state of its run, None = it has none."""
    if run is None or run.ended:
        if run is not None and run.kind == "CANCELLED" and incident.status in _UNDER_WAY | {_S.MITIGATED}:
            return Need.COMPENSATE
        return Need.START if _wants_run(connection, database, incident, now) else Need.NOTHING
    if run.waiting and _may_go_on(connection, database, incident, now):
        return Need.WAKE
    return Need.NOTHING


def _wants_run(connection: Connection, database: Database, incident: Incident, now: datetime) -> bool:
    if incident.status in _UNDER_WAY:
        return incident.suppressed_by is None or incident.flow_run_id is not None
    if incident.status is _S.MITIGATED:
        return _may_leave(connection, database, incident, now)
    if incident.status is _S.MONITORING and incident.suppressed_by is None:
        decision = decisions.current(connection, incident.id)
        return decision is None or outdated(connection, incident, decision)
    return False


def _may_go_on(connection: Connection, database: Database, incident: Incident, now: datetime) -> bool:
    """True when what the suspended run waits for has happened."""
    if incident.status is _S.AWAITING_APPROVAL:
        return not any(a.incident_id == incident.id for a in approvals.pending(connection, incident.tenant_id))
    if incident.status is _S.VERIFYING:
        if incident.verify_after is not None and now >= incident.verify_after:
            return True
        decision = decisions.current(connection, incident.id)
        return decision is not None and not look(database, decision, incident, now)[0].pending
    if incident.status is _S.MITIGATED:
        return _may_leave(connection, database, incident, now)
    return True


def _may_leave(connection: Connection, database: Database, incident: Incident, now: datetime) -> bool:
    """True when a mitigated incident is to be closed or rolled back: nothing of it is in force, or it came to hurt."""
    if not _held(connection, incident):
        return True
    decision = decisions.current(connection, incident.id)
    return decision is not None and harmful(database, decision, incident, now) is not None


def _held(connection: Connection, incident: Incident) -> bool:
    return any(
        lease.state is not LeaseState.REVERTED and lease.ttl_seconds is not None
        for lease in leases.of_incident(connection, incident.id)
    )
