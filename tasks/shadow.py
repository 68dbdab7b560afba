"""Shadows: what stands in for a mitigation in a drill, so that everything is played and nothing is touched.

What holds a flag is its own shadow: the store marks its holds, and no evaluation sees them (store/flag_holds.py).
Evidence is really kept. Everything else, whatever system it reaches, is replaced by a `Shadow`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from spine.action import ActionSpec
from spine.lease import Lease, LeaseState
from store import leases
from tasks.flag_mitigation import FlagMitigation
from tasks.mitigation import Mitigation, Observation, Outside
from tasks.mitigations.evidence_snapshot import Snapshot

_OURS = (FlagMitigation, Snapshot)
"""Kinds of mitigation whose effects are rows of our own store, marked as a drill's there."""
_IN_FORCE = (LeaseState.APPLYING, LeaseState.UNKNOWN, LeaseState.ACTIVE, LeaseState.VERIFIED)


def shadow_of(mitigation: Mitigation) -> Mitigation:
    """What a drill runs in place of `mitigation`."""
    ours = isinstance(mitigation, _OURS) and not isinstance(mitigation, Outside) and not mitigation.spec.external
    return mitigation if ours else Shadow(mitigation.spec)


@dataclass(frozen=True, slots=True)
class Shadow:
    """A mitigation that calls nobody. Its effect is the lease itself, and is read back from the ledger."""

    spec: ActionSpec[Any]

    def pre_image(self, connection: Connection, lease: Lease) -> dict[str, Any]:
        """Nothing was looked at."""
        return {"shadow": True}

    def apply(self, connection: Connection, lease: Lease, *, actor: str, now: datetime) -> None:
        """The ledger says so already."""

    def revert(self, connection: Connection, lease: Lease, *, actor: str, now: datetime) -> None:
        """The ledger says so already."""

    def read_back(self, connection: Connection, lease: Lease, *, now: datetime) -> Observation:
        """Where the lease stands in the ledger."""
        state = leases.get(connection, lease.id).state
        return Observation(in_force=state in _IN_FORCE, detail={"shadow": True, "state": state.value})
