"""People end what is in force. Containment takes two of them: one may be wrong, or be the attacker."""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from spine.audit import AuditAction
from spine.errors import Refused
from spine.ids import IncidentId, LeaseId
from spine.lease import Lease, LeaseState
from store import audit, incidents, leases, releases
from store.engine import Database
from tasks.leasing.ports import Ports
from tasks.leasing.reverting import revert_lease

_PEOPLE = 2
_STANDS = (LeaseState.APPLYING, LeaseState.ACTIVE, LeaseState.VERIFIED, LeaseState.UNKNOWN)


def release_lease(database: Database, lease_id: LeaseId, *, actor: str, reason: str, ports: Ports) -> Lease:
    """End a lease on a person's word; of containment the word is kept, and the second person's ends it.

    Raises:
        Refused: it contains something, and nobody else wants it ended yet. The word is kept all the same.
    """
    with database.system() as connection:
        lease = leases.lock(connection, lease_id, None)
        waits = not _released(connection, lease, actor=actor, reason=reason, ports=ports)
    if waits:
        raise _second(lease.action_key, ports)
    return revert_lease(database, lease_id, reason=reason, ports=ports, actor=actor)


def release_incident(database: Database, incident: IncidentId, *, actor: str, reason: str, ports: Ports) -> None:
    """See that a person's word is enough to end everything an incident holds; the word is kept in any case.

    Raises:
        Refused: something of it contains the incident, and nobody else wants it ended yet.
    """
    with database.system() as connection:
        held = [leases.lock(connection, one.id, None) for one in leases.of_incident(connection, incident)]
        waits = [one for one in held if not _released(connection, one, actor=actor, reason=reason, ports=ports)]
    if waits:
        raise _second(", ".join(one.action_key for one in waits), ports)


def _second(what: str, ports: Ports) -> Refused:
    minutes = ports.settings.policy.release_minutes
    return Refused(
        "lease.two_people",
        f"{what} contains the incident, so it takes two people to end that. Your word is kept: it ends when somebody "
        f"else says the same within {minutes:g} minutes. Nothing was changed.",
    )


def _released(connection: Connection, lease: Lease, *, actor: str, reason: str, ports: Ports) -> bool:
    lasts = lease.ttl_seconds is not None and lease.state in _STANDS
    if lease.shadow or not lasts or not ports.action(lease.action_key).spec.containment:
        return True
    now = ports.clock.now()
    if releases.say(connection, lease, actor=actor, reason=reason, now=now):
        _asked(connection, lease, reason, actor=actor, now=now)
    since = now - timedelta(minutes=ports.settings.policy.release_minutes)
    return len(releases.said(connection, lease, since=since)) >= _PEOPLE


def _asked(connection: Connection, lease: Lease, reason: str, *, actor: str, now: datetime) -> None:
    """The record of a first word."""
    detail = {"lease": str(lease.id), "wants_ended": lease.action_key, "reason": reason}
    summary = f"{actor.partition(':')[2]} wants {lease.action_key} ended ({reason}); it takes a second person"
    incident = incidents.get(connection, lease.incident_id)
    incidents.append_timeline(connection, incident, now, "mitigation.release_asked", actor, summary, detail)
    audit.append(
        connection, lease.tenant_id, AuditAction.INCIDENT_UPDATED, actor=actor, at=now, subject=f"lease:{lease.id}",
        incident_id=lease.incident_id, detail=detail,
    )  # fmt: skip
