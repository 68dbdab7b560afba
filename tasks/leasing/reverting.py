"""The way back: always allowed, always repeatable, and never given up."""

from uuid import UUID

from pydantic import ValidationError

from spine.errors import Refused
from spine.ids import IncidentId
from spine.lease import Lease, LeaseState
from spine.notification import backoff
from spine.plan import Risk
from store import leases
from store.engine import Database
from tasks.leasing import record
from tasks.leasing.beyond import busy_until, take_back, tell
from tasks.leasing.ports import Ports
from tasks.leasing.turn import Turn
from tasks.leasing.webhook import refusal
from tasks.mitigation import Observation

_RISKS = list(Risk)
_STANDS = (LeaseState.APPLYING, LeaseState.ACTIVE, LeaseState.VERIFIED, LeaseState.UNKNOWN)


def revert_lease(
    database: Database, lease_id: UUID, *, reason: str, ports: Ports, actor: str = "engine", fence: int | None = None
) -> Lease:
    """Take the lease's effect back: REVERTED, or REVERT_FAILED, which pages and is tried again.

    REVERTING while a round of calls beyond our store goes on: it is taken back when the round has closed, by whoever
    makes it, or by reconcile once its time is over.

    Needs no token: the state alone fences out whoever still applies it. A person's edit of the flag is not
    touched, and neither are other leases' holds.
    """
    turn = Turn(database=database, ports=ports, actor=actor, fence=fence)
    lease = _begin(turn, lease_id, reason)
    if lease.state is LeaseState.REVERTED:
        return lease
    try:
        _release(turn, lease)
        if busy_until(lease, ports.clock.now()) is not None:
            return lease
        found = take_back(turn, lease)
        announced = turn.announce(lease, "reverted")
        seen = found or turn.look(lease)
    except Exception as error:  # whatever it raises: the rollback failed, and somebody must hear of it
        return _failed(turn, lease, f"{type(error).__name__}: {error}")
    if seen.in_force and turn.mitigation(lease).spec.ttl is not None:
        return _failed(turn, lease, f"taken back, but still read as in force: {seen.detail}")
    return _end(turn, lease, refusal(announced), seen)


def revert_incident(
    database: Database,
    incident: IncidentId,
    *,
    reason: str,
    ports: Ports,
    actor: str = "engine",
    fence: int | None = None,
    keep_containment: bool = False,
) -> list[Lease]:
    """Take back everything an incident has in force, newest first and of those the riskiest first.

    One that fails does not keep the others from being tried; what it raised is raised at the end. `fence`: of the run
    that takes back, which does nothing once a newer one has taken the incident. `keep_containment`: what cuts harm off
    stays, for only people may end it; what of it was only meant never comes into force.
    """
    with database.system() as connection:
        held = [one for one in leases.of_incident(connection, incident) if one.state is not LeaseState.REVERTED]
    if keep_containment:
        held = [one for one in held if not (one.state in _STANDS and _contains(one, ports))]
    ended, failed = [], None
    for lease in sorted(held, key=lambda one: (one.created_at, _risk(one, ports), one.step), reverse=True):
        try:
            ended.append(revert_lease(database, lease.id, reason=reason, ports=ports, actor=actor, fence=fence))
        except Exception as error:  # whatever it is, the others must be tried
            failed = failed or error
    if failed is not None:
        raise failed
    return ended


def _contains(lease: Lease, ports: Ports) -> bool:
    known = ports.actions.get(lease.action_key)
    return known is not None and known.spec.containment


def _risk(lease: Lease, ports: Ports) -> int:
    """Its place in the order of risks; what cannot be read any more, after an upgrade, counts as the gravest."""
    try:
        spec = ports.action(lease.action_key).spec
        return _RISKS.index(spec.risk_of(spec.parse(lease.params), lease.targets))
    except (Refused, ValidationError):
        return len(_RISKS)


def _begin(turn: Turn, lease_id: UUID, reason: str) -> Lease:
    now = turn.ports.clock.now()
    with turn.database.system() as connection:
        lease = turn.lock(connection, lease_id)
        if lease.state in (LeaseState.REVERTED, LeaseState.REVERTING):
            return lease
        if lease.state is LeaseState.INTENDED:
            dropped = leases.advance(
                connection, lease.id, LeaseState.REVERTED, expected=lease.state, fence=lease.fence,
                reverted_at=now, revert_reason=reason, next_attempt_at=None,
            )  # fmt: skip
            record.never_applied(connection, dropped, actor=turn.actor, now=now)
            return dropped
        again = lease.state is LeaseState.REVERT_FAILED
        busy = busy_until(lease, now)
        waits = (
            f"calls are being made until {busy:%H:%M:%S} UTC at most; then it is taken back" if busy else lease.error
        )
        ending = leases.advance(
            connection, lease.id, LeaseState.REVERTING, expected=lease.state, fence=lease.fence,
            revert_reason=lease.revert_reason if again else reason, next_attempt_at=busy or now + turn.grace(lease),
            attempts=lease.attempts if again else 0, error=waits,
        )  # fmt: skip
        if busy:
            record.waits(connection, ending, actor=turn.actor, now=now)
        return ending


def _release(turn: Turn, lease: Lease) -> None:
    """The flag and its audit entry in one transaction; nothing, when another process was faster."""
    with turn.database.system() as connection:
        if turn.lock(connection, lease.id).state is LeaseState.REVERTING:
            turn.mitigation(lease).revert(connection, lease, actor=turn.actor, now=turn.ports.clock.now())


def _end(turn: Turn, lease: Lease, error: str | None, seen: Observation) -> Lease:
    now = turn.ports.clock.now()
    with turn.database.system() as connection:
        current = turn.lock(connection, lease.id)
        if current.state is not LeaseState.REVERTING:
            return current
        over = (now - current.expires_at).total_seconds() if current.expires_at else 0.0
        ended = leases.advance(
            connection, lease.id, LeaseState.REVERTED, expected=LeaseState.REVERTING, fence=current.fence,
            reverted_at=now, late_seconds=over if over > 0 else None, next_attempt_at=None, error=error,
        )  # fmt: skip
        drift = seen.detail.get("drift")
        record.reverted(connection, ended, drift, actor=turn.actor, now=now, settings=turn.ports.settings)
        tell(connection, ended, seen, actor=turn.actor, now=now)
        return ended


def _failed(turn: Turn, lease: Lease, error: str) -> Lease:
    now = turn.ports.clock.now()
    with turn.database.system() as connection:
        current = turn.lock(connection, lease.id)
        if current.state is not LeaseState.REVERTING:
            return current
        attempts = current.attempts + 1
        failed = leases.advance(
            connection, lease.id, LeaseState.REVERT_FAILED, expected=LeaseState.REVERTING, fence=current.fence,
            attempts=attempts, next_attempt_at=now + backoff(attempts, outage=True), error=error[:500],
        )  # fmt: skip
        record.revert_failed(connection, failed, actor=turn.actor, now=now, settings=turn.ports.settings)
        return failed
