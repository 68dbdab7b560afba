"""From intent to effect: every step committed before the next, every step repeatable."""

import hashlib
from datetime import timedelta
from typing import Any
from uuid import UUID

import rfc8785

from spine.errors import Refused
from spine.identity import Slowed
from spine.ids import IncidentId, TenantId
from spine.incident import IncidentStatus
from spine.lease import Lease, LeaseState, lease_id
from spine.notification import backoff
from spine.plan import Step
from store import incidents, leases
from store.engine import Database
from tasks.leasing import record
from tasks.leasing.beyond import tell
from tasks.leasing.containing import contain_on
from tasks.leasing.performing import carry_out
from tasks.leasing.ports import Ports
from tasks.leasing.reverting import revert_lease
from tasks.leasing.turn import Turn
from tasks.leasing.webhook import Announced, refusal
from tasks.mitigation import Observation, Outside

MOST_ATTEMPTS = 5
"""After this many, an effect that cannot be read back is given up, and a silent webhook no longer waited for."""
_PENDING = (LeaseState.APPLYING, LeaseState.UNKNOWN)
_IN_FORCE = (LeaseState.ACTIVE, LeaseState.VERIFIED)


def intend_lease(
    database: Database,
    *,
    tenant: TenantId,
    incident_id: IncidentId,
    decision_id: UUID,
    step: Step,
    fence: int,
    ports: Ports,
) -> Lease:
    """Commit the intent to do `step`; meant again it is the same lease.

    Raises:
        Refused: the action is unknown, a bound is breached, the time to live is not positive, or a newer run
            has taken the incident.
    """
    params = _within_bounds(step, ports)
    now = ports.clock.now()
    wanted = Lease(
        id=lease_id(tenant, decision_id, step.order),
        tenant_id=tenant,
        incident_id=incident_id,
        decision_id=decision_id,
        step=step.order,
        action_key=step.action_key,
        params=params,
        targets=step.targets,
        state=LeaseState.INTENDED,
        fence=fence,
        expected_version=step.expected_version,
        pre_image=None,
        ttl_seconds=step.ttl.total_seconds() if step.ttl else None,
        created_at=now,
        next_attempt_at=now + timedelta(minutes=ports.settings.decision.plan_minutes),
    )
    with database.system() as connection:
        leases.intend(connection, wanted)
        return leases.lock(connection, wanted.id, fence)


def _within_bounds(step: Step, ports: Ports) -> dict[str, Any]:
    """The step's parameters as they are stored, if the action's bounds hold."""
    spec = ports.action(step.action_key).spec
    problems = spec.problems(step.params, step.targets, step.ttl, ports.settings.policy)
    if problems:
        raise Refused("lease.bounds", f"{step.action_key} is refused: {'; '.join(problems)}. Nothing was applied.")
    return dict(spec.parse(step.params).model_dump(mode="json"))


def apply_lease(database: Database, lease_id: UUID, *, fence: int, ports: Ports, actor: str = "engine") -> Lease:
    """Bring the lease into force. Its state afterwards says how it went: ACTIVE, or UNKNOWN with the error.

    Called again it continues where it stood; for a lease in force it does nothing.

    Raises:
        Refused: a newer run took over, the lease or its incident has ended, or the flag is not as approved.
    """
    turn = Turn(database=database, ports=ports, actor=actor, fence=fence)
    lease = _begin(turn, lease_id)
    return lease if lease.state in _IN_FORCE else _finish(turn, _lasting(turn, lease))


def settle_unknown(
    database: Database, lease_id: UUID, *, ports: Ports, fence: int | None = None, actor: str = "engine"
) -> Lease:
    """Bring what a dead process or a lost answer left to a known state, by looking first.

    An effect that is there becomes ACTIVE; one that is not is made again while its time runs, and taken back
    when it is over or cannot be made. What was on its way back goes on. The time of containment begins anew: it must
    not lapse because nobody was alive.
    """
    turn = Turn(database=database, ports=ports, actor=actor, fence=fence)
    with database.system() as connection:
        lease = turn.lock(connection, lease_id)
    if lease.state in (*_IN_FORCE, LeaseState.REVERTED):
        return lease
    lease = _lasting(turn, lease)
    try:
        seen = _seen(turn, lease)
    except Exception as error:  # also what an upgrade made of a lease's parameters
        return _blind(turn, lease, error)
    if (why := _end_because(turn, lease, seen)) is not None:
        return revert_lease(database, lease_id, reason=why, ports=ports, fence=fence, actor=actor)
    return _finish(turn, lease, found=seen is not None and seen.in_force)


def _lasting(turn: Turn, lease: Lease) -> Lease:
    """The lease; of containment whose time is over before its outcome is known, with its time begun anew."""
    return contain_on(turn.database, lease, turn.ports, actor=turn.actor) or lease


def _seen(turn: Turn, lease: Lease) -> Observation | None:
    """What is there of a lease that may be in force; None = it cannot be.

    Beyond our store the effect looks for itself, target by target, and keeps what it saw: a look at everything comes
    last, before it is given up.
    """
    if lease.state not in _PENDING:
        return None
    if isinstance(turn.mitigation(lease), Outside) and lease.attempts < MOST_ATTEMPTS:
        return Observation(in_force=False)
    return turn.look(lease)


def _blind(turn: Turn, lease: Lease, error: Exception) -> Lease:
    """Nobody could look: it is tried again, and given up as if it were not there, which pages when that fails, too.

    Containment is not: what may be there stays, somebody is paged, and it is tried on.
    """
    said = f"it could not be read back: {error}"
    if _end_because(turn, lease, Observation(in_force=False)) is None:
        return _unknown(turn, lease, said, error)
    return revert_lease(turn.database, lease.id, reason=said, ports=turn.ports, fence=turn.fence, actor=turn.actor)


def _end_because(turn: Turn, lease: Lease, seen: Observation | None) -> str | None:
    """Why an unfinished lease must end rather than come into force; None = it may come into force."""
    if seen is None:
        return lease.revert_reason or "its run ended before it began"
    if lease.expires_at is not None and lease.expires_at <= turn.ports.clock.now():
        return "its time was over before its outcome was known"
    if not seen.in_force and lease.attempts >= MOST_ATTEMPTS and not _tried_on(turn, lease):
        return f"it could not be brought into force: {lease.error}"
    return None


def _tried_on(turn: Turn, lease: Lease) -> bool:
    """True for containment beyond our store: some of it may be there, and the engine never takes containment back."""
    mitigation = turn.mitigation(lease)
    return isinstance(mitigation, Outside) and mitigation.spec.containment


def _begin(turn: Turn, lease_id: UUID) -> Lease:
    """APPLYING, committed, with the pre-image and the end fixed: a crash cannot lengthen the lease."""
    with turn.database.system() as connection:
        lease = turn.lock(connection, lease_id)
        if lease.state in (*_IN_FORCE, *_PENDING):
            return lease
        if lease.state is not LeaseState.INTENDED:
            raise Refused("lease.ended", f"The lease {lease.id} is {lease.state.value}; a new plan makes a new one")
        if incidents.get(connection, lease.incident_id).status is IncidentStatus.RESOLVED:
            raise Refused("lease.incident_over", "The incident is resolved; the action did not run")
        now = turn.ports.clock.now()
        image = turn.mitigation(lease).pre_image(connection, lease)
        flag = lease.expected_version is not None and "shadow" not in image
        if flag and image.get("version") != lease.expected_version:
            raise Refused(
                "lease.flag_moved",
                f"The flag {image.get('flag')} is at version {image.get('version')}, the plan was made at "
                f"{lease.expected_version}. The action did not run; decide again on what is there now.",
            )
        ttl = None if lease.ttl_seconds is None else timedelta(seconds=lease.ttl_seconds)
        return leases.advance(
            connection, lease.id, LeaseState.APPLYING, expected=LeaseState.INTENDED, fence=lease.fence,
            pre_image=image, expires_at=now + ttl if ttl else None, attempts=1,
            next_attempt_at=now + turn.grace(lease),
        )  # fmt: skip


def _finish(turn: Turn, lease: Lease, *, found: bool = False) -> Lease:
    """Effect, second effect, read-back, ACTIVE. `found` = the effect was seen already."""
    if lease.expires_at is not None and lease.expires_at <= turn.ports.clock.now():
        raise Refused("lease.expired", f"The time of lease {lease.id} is over; it does not come into force again")
    announced: Announced | None = None
    silent: str | None = None
    receipts: dict[str, Any] = {}
    try:
        if not found:
            lease, receipts = _effect(turn, lease)
        announced = turn.announce(lease, "applied")
    except Refused:
        raise
    except Exception as error:  # whatever a mitigation or its system raises: the outcome is not known
        if not found or lease.attempts < MOST_ATTEMPTS:
            return _unknown(turn, lease, f"{type(error).__name__}: {error}", error)
        silent = f"the webhook stayed silent: {error}"
    try:
        seen = turn.look(lease)
    except Exception as error:  # it may be in force: somebody must look again
        return _unknown(turn, lease, f"it could not be read back: {error}", error)
    if not seen.in_force:
        return _unknown(turn, lease, f"applied, but the read-back says otherwise: {seen.detail}")
    return _activate(turn, lease, seen, _receipt(lease, seen, announced, receipts), silent or refusal(announced))


def _effect(turn: Turn, lease: Lease) -> tuple[Lease, dict[str, Any]]:
    """The flag and its audit entry, in one transaction that a newer run's token or another state refuses.

    What lies beyond our store is done after it; its receipts are returned.
    """
    if isinstance(turn.mitigation(lease), Outside):
        return carry_out(turn, lease)
    with turn.database.system() as connection:
        current = turn.lock(connection, lease.id)
        if current.state not in _PENDING:
            raise Refused("lease.moved", f"The lease {lease.id} is {current.state.value} by now; nothing was done")
        turn.mitigation(lease).apply(connection, current, actor=turn.actor, now=turn.ports.clock.now())
    return lease, {}


def _receipt(lease: Lease, seen: Observation, announced: Announced | None, receipts: dict[str, Any]) -> dict[str, Any]:
    request: dict[str, Any] = {"action": lease.action_key, "params": lease.params, "targets": list(lease.targets)}
    return {
        **({"outside": receipts} if receipts else {}),
        "request_sha256": hashlib.sha256(rfc8785.dumps(request)).hexdigest(),
        "read_back": {"in_force": seen.in_force, **seen.detail},
        "webhook": announced.receipt() if announced else None,
    }


def _activate(turn: Turn, lease: Lease, seen: Observation, receipt: dict[str, Any], error: str | None) -> Lease:
    now = turn.ports.clock.now()
    with turn.database.system() as connection:
        current = turn.lock(connection, lease.id)
        if current.state in _IN_FORCE:
            return current
        active = leases.advance(
            connection, lease.id, LeaseState.ACTIVE, expected=current.state, fence=current.fence,
            applied_at=now, next_attempt_at=None, error=error, receipt=receipt,
        )  # fmt: skip
        record.applied(connection, active, actor=turn.actor, now=now, settings=turn.ports.settings)
        tell(connection, active, seen, actor=turn.actor, now=now)
        return active


def _unknown(turn: Turn, lease: Lease, error: str, cause: Exception | None = None) -> Lease:
    """The outcome is not known. Patience that the other side asked for costs no attempt, within bounds."""
    now = turn.ports.clock.now()
    patience = timedelta(minutes=turn.ports.settings.identity.give_up_minutes)
    slowed = isinstance(cause, Slowed) and now - lease.created_at < patience
    pause = cause.retry_after if isinstance(cause, Slowed) else timedelta()
    with turn.database.system() as connection:
        current = turn.lock(connection, lease.id)
        if current.state not in _PENDING:
            return current
        again = now + max(backoff(current.attempts, outage=True), pause)
        attempts = current.attempts + (0 if slowed else 1)
        if current.state is LeaseState.UNKNOWN:
            noted = leases.note(connection, current, attempts=attempts, next_attempt_at=again, error=error[:500])
            if attempts >= MOST_ATTEMPTS and _tried_on(turn, noted):
                record.tried_on(connection, noted, now=now, settings=turn.ports.settings)
            return noted
        lost = leases.advance(
            connection, lease.id, LeaseState.UNKNOWN, expected=current.state, fence=current.fence,
            next_attempt_at=again, error=error[:500], attempts=attempts,
        )  # fmt: skip
        record.unknown(connection, lost, actor=turn.actor, now=now)
        return lost
