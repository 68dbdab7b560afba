"""More time, once: when verification could not tell yet, what is in force stays while it looks again."""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from spine.ids import IncidentId
from spine.lease import Lease, LeaseState
from store import flag_holds, incidents, leases
from store.engine import Database
from tasks.leasing.ports import Ports

_IN_FORCE = (LeaseState.ACTIVE, LeaseState.VERIFIED)


def extend_incident(database: Database, incident: IncidentId, *, ports: Ports, actor: str = "engine") -> list[Lease]:
    """Let everything the incident has in force last its time to live again, within its action's bounds.

    The flag's hold and the lease move in one transaction; one that has ended meanwhile stays ended.
    """
    now = ports.clock.now()
    with database.system() as connection:
        held = [one.id for one in leases.of_incident(connection, incident) if one.ttl_seconds is not None]
        locked = [leases.lock(connection, key, None) for key in held]
        standing = [one for one in locked if one.state in _IN_FORCE]
        return [longer for one in standing if (longer := prolonged(connection, one, now, ports, actor)) is not None]


def prolonged(connection: Connection, lease: Lease, now: datetime, ports: Ports, actor: str) -> Lease | None:
    """The lease with its time to live begun anew; None = its action's bounds leave it none."""
    bounds = ports.action(lease.action_key).spec.ttl_bounds(ports.settings.policy)
    assert lease.ttl_seconds is not None
    assert lease.applied_at is not None
    assert lease.expires_at is not None
    until = now + timedelta(seconds=lease.ttl_seconds)
    if bounds is not None:
        until = min(until, lease.applied_at + bounds.max)
    if until <= lease.expires_at or lease.expires_at <= now:
        return None
    longer = leases.prolong(connection, lease, until)
    flag_holds.prolong(connection, lease.id, until, actor=actor, incident=lease.incident_id, at=now)
    summary = f"{lease.action_key} lasts until {until:%H:%M:%S} UTC"
    found = incidents.get(connection, lease.incident_id)
    incidents.append_timeline(connection, found, now, "mitigation.extended", actor, summary, {"lease": str(lease.id)})
    return longer
