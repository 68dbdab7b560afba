"""A mitigation is a lease: it is meant, applied, observed, and it always ends."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from spine.errors import Refused
from spine.ids import IncidentId, LeaseId, TenantId, derive


class LeaseState(StrEnum):
    """Where a lease stands. Intent is committed before any effect."""

    INTENDED = "intended"
    APPLYING = "applying"
    ACTIVE = "active"
    VERIFIED = "verified"
    REVERTING = "reverting"
    REVERTED = "reverted"
    UNKNOWN = "unknown"
    """A call was made and its answer lost: read back before doing anything."""
    REVERT_FAILED = "revert_failed"


_S = LeaseState
TRANSITIONS: dict[LeaseState, frozenset[LeaseState]] = {
    _S.INTENDED: frozenset({_S.APPLYING, _S.REVERTING, _S.REVERTED}),
    _S.APPLYING: frozenset({_S.ACTIVE, _S.UNKNOWN, _S.REVERTING}),
    _S.UNKNOWN: frozenset({_S.APPLYING, _S.ACTIVE, _S.REVERTING}),
    _S.ACTIVE: frozenset({_S.VERIFIED, _S.REVERTING}),
    _S.VERIFIED: frozenset({_S.REVERTING}),
    _S.REVERTING: frozenset({_S.REVERTED, _S.REVERT_FAILED}),
    _S.REVERT_FAILED: frozenset({_S.REVERTING}),
    _S.REVERTED: frozenset(),
}
HOLDING = frozenset({_S.APPLYING, _S.ACTIVE, _S.VERIFIED, _S.UNKNOWN, _S.REVERTING, _S.REVERT_FAILED})
"""States in which the effect may be in the world."""


def check_transition(old: LeaseState, new: LeaseState) -> None:
    """Raises Refused when a lease may not go from `old` to `new`."""
    if new not in TRANSITIONS[old]:
        raise Refused("lease.transition", f"a lease that is {old.value} cannot become {new.value}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """One action in force for a limited time, as the ledger stores it."""

    id: LeaseId
    tenant_id: TenantId
    incident_id: IncidentId
    decision_id: UUID
    step: int
    action_key: str
    shadow: bool = False
    """True for a drill's: it is applied, read back and reverted on a shadow, and reaches nobody."""
    params: dict[str, Any]
    targets: tuple[str, ...]
    state: LeaseState
    fence: int
    """Fencing token of the run that meant it; a write with an older one is refused."""
    expected_version: int | None = None
    """Version the flag's base had when the plan was signed; at another one the action does not run."""
    pre_image: dict[str, Any] | None
    """What was there before, exactly: for a flag its version and definition digest."""
    ttl_seconds: float | None
    """None = it leaves nothing that would have to end (a snapshot)."""
    created_at: datetime
    applied_at: datetime | None = None
    expires_at: datetime | None = None
    reverted_at: datetime | None = None
    late_seconds: float | None = None
    """How long after its end it was reverted; None = in time."""
    attempts: int = 0
    next_attempt_at: datetime | None = None
    """When somebody else may take over what looks unfinished."""
    receipt: dict[str, Any] | None = None
    """Request hash, provider id and the independent read-back."""
    error: str | None = None
    revert_reason: str | None = None


def lease_id(tenant: TenantId, decision: UUID, step: int) -> LeaseId:
    """One lease per step of a plan, whoever runs it and how often."""
    return LeaseId(derive("lease", tenant, decision, step))
