"""Commands: what a person or a program told the spine to do by hand. Written down first, carried out by a run."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field

from spine.ids import CommandId, IncidentId, LeaseId, PersonId, TenantId
from spine.incident import IncidentStatus
from spine.person import Role
from spine.plan import Frozen


class CommandKind(StrEnum):
    """What is to be done."""

    ACT = "act"
    """Make a plan of these actions, and carry it out behind the gates that policy puts before them."""
    REVERT = "revert"
    """Take one mitigation back before its time."""
    RESOLVE = "resolve"
    """Take back what an incident holds, and end it."""


class CommandState(StrEnum):
    """How far a command is."""

    WAITING = "waiting"
    DONE = "done"
    """Carried out; of actions: planned. What becomes of each is told by approvals and the ledger."""
    REFUSED = "refused"


class Wanted(Frozen):
    """One action somebody wants."""

    action: str = Field(min_length=1, max_length=100)
    """Its key, for instance "ip.throttle"."""
    params: dict[str, Any] = {}
    targets: tuple[str, ...] = Field(default=(), max_length=1000)
    ttl_seconds: float | None = Field(default=None, gt=0, le=31_536_000)
    """None = the action's default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command, as stored."""

    id: CommandId
    tenant_id: TenantId
    kind: CommandKind
    incident_id: IncidentId
    lease_id: LeaseId | None = None
    """What is to be reverted."""
    actor: str
    person_id: PersonId | None = None
    """None = a program's key."""
    maker_id: PersonId | None = None
    """Who made that key, if it was no operator: they approve nothing of what it wants."""
    role: Role
    """The role by which policy judges what is wanted."""
    reason: str
    actions: tuple[Wanted, ...] = ()
    request: str | None = None
    """Id of the request that brought it."""
    commanded_at: datetime
    attempts: int = 0
    state: CommandState = CommandState.WAITING
    outcome: dict[str, Any] = field(default_factory=dict)
    """Of actions: `decision` (id of the frozen plan, null = there is none) and `steps`, one per action in order:
    {"order", "action", "gate", "because"}. Of the others what came of it."""
    finished_at: datetime | None = None


def judged_as(roles: frozenset[Role]) -> Role:
    """The role by which policy judges what somebody with `roles` wants: the one it trusts most.

    Break-glass is none of them: it is used when an approval is decided, and leaves its mark there.
    """
    ranked = (Role.SECURITY_ADMIN, Role.INCIDENT_COMMANDER, Role.RESPONDER, Role.SUPPORT, Role.VIEWER)
    return next((role for role in ranked if role in roles), Role.VIEWER)


CLOSED = frozenset({IncidentStatus.RESOLVED, IncidentStatus.ROLLING_BACK})
"""Nothing is done by hand to an incident that stands here."""
KEYS_ROLE = Role.RESPONDER
"""By which a key's wishes are judged: what is low runs, everything else waits for a person (ADR 27)."""
