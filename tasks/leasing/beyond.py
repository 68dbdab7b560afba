"""Effects beyond our own store: foreseen, claimed and committed, then made while no transaction is open."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from spine.audit import AuditAction
from spine.errors import Refused
from spine.lease import Lease, LeaseState
from spine.plain import cut
from store import audit, incidents, leases
from tasks.leasing.turn import Turn
from tasks.mitigation import Mitigation, Observation, Outside

_PENDING = (LeaseState.APPLYING, LeaseState.UNKNOWN)
_TOLD = 1000
"""Longest account of single targets on the timeline."""


def carry_out(turn: Turn, lease: Lease) -> tuple[Lease, dict[str, Any]]:
    """Make the effect beyond our store, after what was there before is written down; returns the receipts.

    The image says whether a round is `open`, and is `torn` once a round ended without a word: then anything it could
    have done may have been done.

    Raises:
        Refused: `lease.moved`, somebody else is at it.
    """
    mitigation = turn.mitigation(lease)
    assert isinstance(mitigation, Outside)
    image = (lease.pre_image or {}).get("outside")
    torn = bool(image and (image.get("torn") or image.get("open")))
    if image is None or image.get("complete") is False:
        image = mitigation.foresee(turn.world, lease)
    claimed = _claim(turn, lease, {**image, "open": True, "torn": torn}, apply=mitigation)
    done = mitigation.perform(turn.world, claimed)
    claimed = _claim(turn, claimed, {**(done.image or image), "open": False, "torn": torn})
    if done.pending is not None:
        raise done.pending
    return claimed, done.receipt


def take_back(turn: Turn, lease: Lease) -> Observation | None:
    """Withdraw what lies beyond our store; None = nothing does, so look as usual.

    What cannot be undone is not called upon again: its end is an entry in the ledger, and no more.
    """
    mitigation = turn.mitigation(lease)
    if not isinstance(mitigation, Outside):
        return None
    if mitigation.spec.ttl is None:
        return Observation(in_force=False, detail={"told": "what was done there stays: it cannot be undone"})
    return mitigation.withdraw(turn.world, lease)


def tell(connection: Connection, lease: Lease, seen: Observation, *, actor: str, now: datetime) -> None:
    """Put on the timeline what must be known of single targets, if anything."""
    if told := seen.detail.get("told"):
        incident = incidents.get(connection, lease.incident_id)
        summary = f"{lease.action_key}: {cut(str(told), _TOLD)}"
        incidents.append_timeline(
            connection, incident, now, "mitigation.told", actor, summary, {"lease": str(lease.id)}
        )  # fmt: skip


def _claim(turn: Turn, lease: Lease, image: dict[str, Any], *, apply: Mitigation | None = None) -> Lease:
    """The lease for one round of calls, with what is foreseen; our own part and the audit entry come with it."""
    now = turn.ports.clock.now()
    with turn.database.system() as connection:
        current = turn.lock(connection, lease.id)
        if current.state not in _PENDING or current.next_attempt_at != lease.next_attempt_at:
            raise Refused("lease.moved", f"Somebody else moves the lease {lease.id} by now; nothing was done")
        first = "outside" not in (current.pre_image or {})
        claimed = leases.claim(
            connection, current, pre_image={**(current.pre_image or {}), "outside": image},
            next_attempt_at=now + turn.grace(lease),
        )  # fmt: skip
        if apply is not None:
            apply.apply(connection, claimed, actor=turn.actor, now=now)
        if first:
            audit.append(
                connection, lease.tenant_id, AuditAction.ACTION_EXECUTED, actor=turn.actor, at=now,
                subject=f"lease:{lease.id}", incident_id=lease.incident_id, before=claimed.pre_image, outcome="begun",
                detail={"action": lease.action_key, "params": lease.params, "targets": list(lease.targets)},
            )  # fmt: skip
        return claimed
