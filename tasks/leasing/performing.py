"""Rounds of calls beyond our own store: foreseen, claimed and committed, then made while no transaction is open."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from spine.audit import AuditAction
from spine.errors import Refused
from spine.lease import Lease, LeaseState
from store import audit, leases
from tasks.leasing import record
from tasks.leasing.beyond import busy_until, take_back, tell
from tasks.leasing.reverting import revert_lease
from tasks.leasing.turn import Turn
from tasks.mitigation import Mitigation, Outside

_PENDING = (LeaseState.APPLYING, LeaseState.UNKNOWN)
_ENDING = (LeaseState.REVERTING, LeaseState.REVERT_FAILED, LeaseState.REVERTED)
Image = dict[str, Any]


def carry_out(turn: Turn, lease: Lease) -> tuple[Lease, dict[str, Any]]:
    """Make the effect beyond our store, after what was there before is written down; returns the receipts.

    The image says whether a round is `open` and `until` when at most, and is `torn` once a round ended without a word:
    then anything it could have done may have been done.

    Raises:
        Refused: `lease.moved`, somebody else is at it; `lease.ended`, it was ended within the round, and what the
            round did has been taken back, or somebody was paged.
    """
    mitigation = turn.mitigation(lease)
    assert isinstance(mitigation, Outside)
    image = (lease.pre_image or {}).get("outside")
    if image is None or image.get("complete") is False:
        image = mitigation.foresee(turn.world, lease)
    claimed = _claim(turn, lease, image, apply=mitigation)
    opened = _outside(claimed)
    try:
        done = mitigation.perform(turn.world, claimed)
    except Exception:
        _close(turn, claimed, {**opened, "torn": True}, before=lease)
        raise
    claimed = _close(turn, claimed, {**opened, **(done.image or {})}, before=lease)
    if done.pending is not None:
        raise done.pending
    return claimed, done.receipt


def _outside(lease: Lease) -> Image:
    return dict((lease.pre_image or {}).get("outside") or {})


def _claim(turn: Turn, lease: Lease, image: Image, *, apply: Mitigation) -> Lease:
    """The lease for one round of calls, with what is foreseen; our own part and the audit entry come with it."""
    now = turn.ports.clock.now()
    with turn.database.system() as connection:
        current = turn.lock(connection, lease.id)
        if current.state not in _PENDING or current.next_attempt_at != lease.next_attempt_at:
            raise Refused("lease.moved", f"Somebody else moves the lease {lease.id} by now; nothing was done")
        known = _outside(current)
        until = now + turn.grace(lease)
        round_of_ours = {
            "open": True, "torn": bool(known.get("torn") or known.get("open")),
            "until": max(until, busy_until(current, now) or until).isoformat(),
        }  # fmt: skip
        claimed = leases.claim(
            connection, current, pre_image={**(current.pre_image or {}), "outside": {**image, **round_of_ours}},
            next_attempt_at=until,
        )  # fmt: skip
        apply.apply(connection, claimed, actor=turn.actor, now=now)
        if not known:
            audit.append(
                connection, lease.tenant_id, AuditAction.ACTION_EXECUTED, actor=turn.actor, at=now,
                subject=f"lease:{lease.id}", incident_id=lease.incident_id, before=claimed.pre_image, outcome="begun",
                detail={"action": lease.action_key, "params": lease.params, "targets": list(lease.targets)},
            )  # fmt: skip
        return claimed


def _close(turn: Turn, claimed: Lease, image: Image, *, before: Lease) -> Lease:
    """End the round: what was learned is kept, whoever has moved the lease meanwhile.

    A round of somebody else that was open `before` ours may go on.
    """
    now = turn.ports.clock.now()
    others = busy_until(before, now)
    image = {**image, "open": others is not None, "until": (others or now).isoformat()}
    with turn.database.system() as connection:
        current = leases.lock(connection, claimed.id, None)
        ours = current.fence == claimed.fence and current.next_attempt_at == claimed.next_attempt_at
        if current.state in _PENDING and ours:
            return leases.claim(
                connection, current, next_attempt_at=now + turn.grace(claimed),
                pre_image={**(current.pre_image or {}), "outside": image},
            )  # fmt: skip
        late = busy_until(current, now) is None
        if current.state in _ENDING and current.state is not LeaseState.REVERTED:
            current = leases.claim(
                connection, current, next_attempt_at=others or now,
                pre_image={**(current.pre_image or {}), "outside": image},
            )  # fmt: skip
    if current.state not in _ENDING:
        raise Refused("lease.moved", f"Somebody else moves the lease {claimed.id} by now, and looks at what was done")
    raise _ended(turn, current, image, now, late=late)


def _ended(turn: Turn, lease: Lease, image: Image, now: datetime, *, late: bool) -> Refused:
    """Takes back what the round did to a lease that was ended within it; returns how that went.

    `late`: nobody waited for this round any more, so what it did may have been done after everything was taken back.
    """
    anybody = replace(turn, fence=None)
    if late:
        acted = replace(lease, pre_image={**(lease.pre_image or {}), "outside": {**image, "open": True}})
        try:
            seen = take_back(anybody, acted)
        except Exception as error:  # whatever it raises: it is there, and the ledger says that it is not
            with turn.database.system() as connection:
                record.left_behind(
                    connection, lease, str(error), actor=turn.actor, now=now, settings=turn.ports.settings
                )  # fmt: skip
            return Refused("lease.ended", f"The lease {lease.id} was ended while it was made, and could not be undone")
        if seen is not None:
            with turn.database.system() as connection:
                record.undone_late(connection, lease, actor=turn.actor, now=now)
                tell(connection, lease, seen, actor=turn.actor, now=now)
    if lease.state is not LeaseState.REVERTED:
        lease = revert_lease(
            turn.database, lease.id, reason=lease.revert_reason or "", ports=turn.ports, actor=turn.actor
        )
    return Refused(
        "lease.ended",
        f"The lease {lease.id} was ended while it was made ({lease.revert_reason}). What was done meanwhile was taken "
        f"back as far as that can be: the lease is {lease.state.value}",
    )
