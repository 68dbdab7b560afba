"""A lease that is eased off is watched: where those who were let go first fare badly, everybody is held again."""

from datetime import datetime

from spine.detect.tail import wilson_lower
from spine.easing import fitted
from spine.family import family_of
from spine.lease import Lease
from spine.reach import Reach
from store import events, incidents, leases
from store.engine import Database
from tasks.leasing import record
from tasks.leasing.extending import prolonged
from tasks.leasing.ports import Ports


def hold_again(database: Database, lease: Lease, ports: Ports, *, actor: str = "engine") -> Lease:
    """The lease, with its time begun anew if it is let go too early; at the end of its bounds it ends all the same.

    Either way somebody is paged, once for each such end.
    """
    now = ports.clock.now()
    told = _relapse(database, lease, ports, now)
    if told is None:
        return lease
    with database.system() as connection:
        current = leases.lock(connection, lease.id, None)
        if current.expires_at != lease.expires_at:
            return current
        longer = prolonged(connection, current, now, ports, actor)
        record.relapsed(
            connection, longer or current, told, again=longer is not None, actor=actor, now=now, settings=ports.settings
        )
        return longer or current


def _relapse(database: Database, lease: Lease, ports: Ports, now: datetime) -> str | None:
    """How those fare who were let go, in words, when that is too badly; else None."""
    spec, limits = ports.action(lease.action_key).spec, ports.settings.verify
    assert spec.relapse is not None
    assert lease.expires_at is not None
    assert lease.applied_at is not None
    begins = lease.expires_at - fitted(spec.easing, lease.expires_at - lease.applied_at)[0].before_end
    with database.system() as connection:
        incident = incidents.get(connection, lease.incident_id)
        rows = events.recent_events(connection, Reach.of(incident), family_of(incident.kind), begins, now)
    seen = spec.relapse(rows[spec.stops(spec.parse(lease.params), lease.targets, rows).to_numpy(bool)])
    bad, n = int(seen["failed"].sum()), len(seen)
    if n < limits.min_callbacks or float(wilson_lower(bad, n)) < limits.max_relapse_lower_bound:
        return None
    return f"{bad} of {n} attempts of those who were let go fail"
