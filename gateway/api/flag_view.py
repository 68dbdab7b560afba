"""Flags, their changes and findings as the API shows them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from gateway.api.view import View
from spine.flag import Evaluation, FlagSet, FlagVersion, Hold
from spine.flag.change import FlagChange, risk_of
from spine.flag.finding import Finding
from spine.flag.schedule import Planned
from spine.flag.stored import StoredFlag
from spine.settings import Settings


class HoldView(View):
    """What a lease holds on top of a flag."""

    lease_id: UUID
    variant: str
    condition: dict[str, Any] | None = Field(description="JsonLogic: for whom; null = for everybody of the tenant.")
    metadata: dict[str, Any]
    expires_at: datetime

    @classmethod
    def of(cls, hold: Hold) -> "HoldView":
        """The hold as it is shown."""
        return cls(
            lease_id=hold.lease_id, variant=hold.variant, condition=hold.condition, metadata=dict(hold.metadata),
            expires_at=hold.expires_at,
        )  # fmt: skip


class PlannedView(View):
    """A definition that takes effect by itself."""

    change_id: UUID
    starts_at: datetime
    returns: bool = Field(description="true = the end of a change that had one.")
    definition: dict[str, Any]

    @classmethod
    def of(cls, one: Planned) -> "PlannedView":
        """The plan as it is shown."""
        return cls(
            change_id=one.change_id, starts_at=one.starts_at, returns=one.returns, definition=one.definition.stored()
        )


class ReadsView(View):
    """What a request without any context reads now."""

    value: Any = None
    variant: str | None = None
    reason: str | None = None
    error: str | None = Field(default=None, description="Why nothing can be read, as OpenFeature names it.")


class FlagView(View):
    """One flag as it stands."""

    key: str = Field(examples=["checkout.banner"])
    version: int = Field(description="0 = never edited; the number to send as `If-Match`.")
    type: str = Field(examples=["boolean"])
    purpose: str
    owner: str
    temporary: bool
    archived: bool = Field(description="true = applications do not find it; any of its versions brings it back.")
    risk: str = Field(description="Of a change: decides who else must agree.", examples=["high"])
    definition: dict[str, Any] = Field(description="The base people edit, in flagd's form.")
    reads: ReadsView
    holds: list[HoldView]
    planned: list[PlannedView]
    updated_at: datetime | None

    @classmethod
    def of(cls, flag: StoredFlag, now: datetime, settings: Settings) -> "FlagView":
        """The flag as it is shown at `now`."""
        base = flag.base_at(now)
        return cls(
            key=flag.key, version=flag.version_at(now), type=base.value_type, purpose=flag.purpose, owner=flag.owner,
            temporary=flag.temporary, archived=base.archived, risk=risk_of(flag.key, settings).value,
            definition=base.stored(), reads=_reads(flag, now),
            holds=[HoldView.of(h) for h in flag.holds if h.expires_at > now],
            planned=[PlannedView.of(p) for p in flag.planned if p.starts_at > now], updated_at=flag.updated_at,
        )  # fmt: skip


class VersionView(View):
    """One version of a flag's base, and who made it why."""

    version: int
    definition: dict[str, Any]
    actor: str
    reason: str
    at: datetime

    @classmethod
    def of(cls, one: FlagVersion) -> "VersionView":
        """The version as it is shown."""
        return cls(
            version=one.version, definition=one.definition.stored(), actor=one.actor, reason=one.reason, at=one.at
        )


class ChangeView(View):
    """A change that was proposed: waiting for a yes, planned for its time, or ended."""

    id: UUID
    key: str
    state: str = Field(examples=["draft"])
    definition: dict[str, Any]
    base_version: int = Field(description="The version it was made for; at another one it cannot be applied.")
    starts_at: datetime | None
    ttl_seconds: float | None = Field(description="null = for good; else what was before comes back after this.")
    returns: bool
    risk: str
    gate: str = Field(description="What stood before it for whoever proposed it.")
    approval_id: UUID | None = Field(description="The question that people answer; null = nobody need be asked.")
    sha256: str = Field(description="What a yes signs.")
    proposed_by: str
    reason: str
    proposed_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    applied_by: str | None
    version: int | None = Field(description="The version it became.")

    @classmethod
    def of(cls, one: FlagChange) -> "ChangeView":
        """The change as it is shown."""
        return cls(
            id=one.id, key=one.key, state=one.state.value, definition=one.definition.stored(),
            base_version=one.base_version, starts_at=one.starts_at,
            ttl_seconds=one.ttl.total_seconds() if one.ttl else None, returns=one.returns, risk=one.risk.value,
            gate=one.gate.label, approval_id=one.approval_id, sha256=one.hash, proposed_by=one.proposed_by,
            reason=one.reason, proposed_at=one.proposed_at, expires_at=one.expires_at, ended_at=one.ended_at,
            applied_by=one.applied_by, version=one.version,
        )  # fmt: skip


class FindingView(View):
    """Something about a flag that somebody should look at."""

    key: str
    kind: str = Field(examples=["stale"])
    says: str

    @classmethod
    def of(cls, one: Finding) -> "FindingView":
        """The finding as it is shown."""
        return cls(key=one.key, kind=one.kind, says=one.says)


def _reads(flag: StoredFlag, now: datetime) -> ReadsView:
    found = FlagSet({flag.key: flag.at(now)}).evaluate(flag.key, {})
    if isinstance(found, Evaluation):
        return ReadsView(value=found.value, variant=found.variant, reason=found.reason)
    return ReadsView(error=found.code)
