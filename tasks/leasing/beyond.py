"""Effects beyond our own store: taken back, and told."""

from datetime import datetime

from sqlalchemy import Connection

from spine.lease import Lease
from spine.plain import cut
from store import incidents
from tasks.leasing.turn import Turn
from tasks.mitigation import Observation, Outside

_TOLD = 1000
"""Longest account of single targets on the timeline."""


def busy_until(lease: Lease, now: datetime) -> datetime | None:
    """Until when a round of calls may still be going on somewhere; None = none is, and what is there stays as it is.

    Nothing is taken back meanwhile: what the round does after that would be nobody's.
    """
    image = (lease.pre_image or {}).get("outside") or {}
    if not image.get("open") or "until" not in image:
        return None
    until = datetime.fromisoformat(image["until"])
    return until if until > now else None


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
