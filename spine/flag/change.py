"""A change of a flag that somebody proposes: frozen, hashed, and let through a gate before it is applied."""

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

import rfc8785

from spine.flag.definition import Definition
from spine.ids import ApprovalId, ChangeId, PersonId, TenantId
from spine.person import Role
from spine.plan import Gate, Risk
from spine.policy import ActionRequest, Ruling, rule
from spine.settings import Settings
from spine.span import span


class ChangeState(StrEnum):
    """Where a change stands. All but DRAFT and PLANNED are ends."""

    DRAFT = "draft"
    """Proposed; it waits for a yes, or for whoever applies it."""
    PLANNED = "planned"
    """Let through; it takes effect at its time."""
    APPLIED = "applied"
    WITHDRAWN = "withdrawn"
    OVERTAKEN = "overtaken"
    """Somebody edited the flag before its time came: it was planned for another base."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagChange:
    """One proposed change, as stored."""

    id: ChangeId
    tenant_id: TenantId
    key: str
    definition: Definition
    base_version: int
    """The version of the base it was made for; at another one it cannot be applied."""
    starts_at: datetime | None = None
    """None = when it is applied."""
    ttl: timedelta | None = None
    """None = for good; else what was in force before comes back after this."""
    returns: bool = False
    """True = it is the end of another change."""
    purpose: str | None = None
    owner: str | None = None
    temporary: bool | None = None
    proposed_by: str
    person_id: PersonId | None = None
    reason: str
    risk: Risk
    gate: Gate
    state: ChangeState = ChangeState.DRAFT
    proposed_at: datetime
    expires_at: datetime
    """A draft that is not applied by then is void."""
    ended_at: datetime | None = None
    applied_by: str | None = None
    version: int | None = None
    """The version it became."""
    approval_id: ApprovalId | None = None

    @property
    def hash(self) -> str:
        """SHA-256 of everything an approver signs, in canonical JSON."""
        signed: dict[str, Any] = {
            "tenant": self.tenant_id, "key": self.key, "base_version": self.base_version,
            "definition": self.definition.stored(), "purpose": self.purpose, "owner": self.owner,
            "temporary": self.temporary, "starts_at": self.starts_at.isoformat() if self.starts_at else None,
            "ttl_seconds": self.ttl.total_seconds() if self.ttl else None,
        }  # fmt: skip
        return hashlib.sha256(rfc8785.dumps(signed)).hexdigest()


def risk_of(key: str, settings: Settings) -> Risk:
    """How much a wrong value of `key` can hurt."""
    return Risk.HIGH if any(fnmatchcase(key, one) for one in settings.flag.high_risk_keys) else Risk.LOW


def ruling(key: str, roles: Collection[Role], settings: Settings) -> Ruling:
    """The gate before a change of `key` by somebody with `roles`: the lowest that one of their roles gives.

    A program (no roles) is a responder that cannot show a second factor: what needs one needs another person.
    """
    risk = risk_of(key, settings)
    held = [role for role in roles if role is not Role.ENGINE] or [Role.RESPONDER]
    rulings = [rule(ActionRequest(role=role, risk=risk, environment=settings.env)) for role in sorted(held)]
    best = min(rulings, key=lambda one: one.gate)
    if not roles and best.gate is Gate.STEP_UP:
        return Ruling(Gate.APPROVE, f"{best.because}; approve because a key has no second factor")
    return best


def change_lines(change: FlagChange) -> list[str]:
    """What a change does, as lines of text for whoever decides on it."""
    when = f"at {change.starts_at:%Y-%m-%d %H:%M:%S} UTC" if change.starts_at else "when it is applied"
    length = f" for {span(change.ttl)}, then back to what was" if change.ttl else ""
    definition = change.definition
    lines = [
        f"flag {change.key}, from version {change.base_version}, {when}{length}; {change.risk.value} risk",
        f"default: {json.dumps(definition.default)} ({definition.default_variant})",
    ]
    if definition.archived:
        lines.append("archived: applications do not find it any more, and use their own defaults")
    if len(definition.variants) > 1:
        lines.append(f"variants: {json.dumps(definition.variants)}")
    if definition.targeting:
        lines.append(f"targeting: {json.dumps(definition.targeting)}")
    return [*lines, f"reason: {change.reason}", f"asked by {change.proposed_by}; hash: {change.hash}"]
