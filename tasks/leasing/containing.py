"""Containment does not lapse: at the end of its lease it stays, in force or on its way there, and somebody is paged."""

from datetime import timedelta

from spine.incident import IncidentStatus
from spine.lease import Lease, LeaseState
from store import flag_holds, incidents, leases
from store.engine import Database
from tasks.flag_mitigation import CONTAINED
from tasks.leasing import record
from tasks.leasing.ports import Ports

_STANDS = (LeaseState.APPLYING, LeaseState.UNKNOWN, LeaseState.ACTIVE, LeaseState.VERIFIED)


def contain_on(database: Database, lease: Lease, ports: Ports, *, actor: str = "engine") -> Lease | None:
    """The lease with its time begun anew, beyond its action's bounds if need be; None = it may end.

    Only containment stays, and only while its incident lasts: people end it by closing the incident or the lease. What
    of it a dead process left before its outcome was known stays, too, and is brought into force.
    """
    if not ports.action(lease.action_key).spec.containment:
        return None
    now = ports.clock.now()
    with database.system() as connection:
        current = leases.lock(connection, lease.id, None)
        if current.state not in _STANDS or current.ttl_seconds is None or current.expires_at is None:
            return None
        if incidents.get(connection, lease.incident_id).status is IncidentStatus.RESOLVED:
            return None
        if current.expires_at > now:
            return current
        until = now + timedelta(seconds=current.ttl_seconds)
        longer = leases.prolong(connection, current, until)
        flag_holds.prolong(
            connection, lease.id, until + CONTAINED, actor=actor, incident=lease.incident_id, at=now
        )  # fmt: skip
        record.contained(connection, longer, actor=actor, now=now, settings=ports.settings)
        return longer
