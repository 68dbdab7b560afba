"""Escalation policies: who is called first, who next when nobody answers. Source of the default: RUNBOOKS 0, 5."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from spine.incident import Incident, IncidentKind, IncidentStatus
from spine.person import Role
from spine.route import Destination, SeverityLabel, names_a_contact
from spine.severity import Severity

_FORMS = "schedule:<name>, person:<e-mail>, role:<role> or notify:<channel[:target]>"
_NOTIFY = re.compile(r"^[a-z][a-z0-9_]{0,31}(:\S.{0,254})?\Z")


def _target(text: str) -> str:
    kind, _, name = text.partition(":")
    known = kind in ("schedule", "person") and bool(name.strip())
    known |= kind == "role" and name in set(Role) - {Role.ENGINE}
    known |= kind == "notify" and bool(_NOTIFY.match(name)) and not names_a_contact(name)
    if not known or not text.isprintable() or len(text) > 300:
        raise ValueError(f"{text[:60]!r} is nobody who can be called; write {_FORMS}")
    return text


Target = Annotated[str, AfterValidator(_target)]
"""Whom a step calls."""


class PolicyStep(BaseModel):
    """One step: it is taken when nobody has acknowledged for `delay_minutes` since the step before."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    delay_minutes: float = Field(default=0, ge=0, le=24 * 60)
    """Since the step before; of the first step, since the incident."""
    targets: tuple[Target, ...] = Field(min_length=1, max_length=20)
    important: bool = True
    """Which of their rules people are called by: the loud ones, or the others."""

    @property
    def delay(self) -> timedelta:
        """The wait before this step."""
        return timedelta(minutes=self.delay_minutes)


_EXAMPLE: dict[str, Any] = {
    "steps": [
        {"targets": ["schedule:primary"]}, {"delay_minutes": 5, "targets": ["role:incident_commander"]},
    ],
    "repeat": 2, "repeat_after_minutes": 5, "least": "high",
}  # fmt: skip


class Policy(BaseModel):
    """Steps, one after the other until somebody acknowledges, and for which incidents."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    steps: tuple[PolicyStep, ...] = Field(min_length=1, max_length=20)
    repeat: int = Field(default=2, ge=0, le=20)
    """How often all steps are gone through again when nobody answers."""
    repeat_after_minutes: float = Field(default=5, gt=0, le=24 * 60)
    """The wait after the last step before they are gone through again, or given up."""
    least: SeverityLabel = "high"
    """Incidents of this severity and above are paged; escalated ones always."""
    kinds: tuple[IncidentKind, ...] = ()
    """Only these types; () = all."""

    def takes(self, incident: Incident) -> bool:
        """True when this policy pages for `incident`."""
        grave = incident.severity >= Severity[self.least.upper()] or incident.status is IncidentStatus.ESCALATED
        return grave and (not self.kinds or incident.kind in self.kinds)

    @property
    def weight(self) -> tuple[bool, int]:
        """How narrow it is: of two that take an incident the narrower one is used."""
        return (bool(self.kinds), int(Severity[self.least.upper()]))


def chosen(policies: dict[tuple[bool, str], Policy], incident: Incident) -> str | None:
    """The name of the policy that pages for `incident`; None = none does.

    `policies` are keyed by (is the tenant's own, name). A tenant's own come before those of all tenants, then the
    narrower, then by name.
    """
    taking = [(own, policy.weight, name) for (own, name), policy in policies.items() if policy.takes(incident)]
    return min(taking, key=lambda one: (not one[0], not one[1][0], -one[1][1], one[2]))[2] if taking else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where an escalation stands: the step that comes next, and how often all of them were taken."""

    round: int
    step: int


def next_position(policy: Policy, at: Position) -> tuple[Position, timedelta] | None:
    """What follows once step `at` was taken, and after which wait; None = there is nobody left to call."""
    if at.step + 1 < len(policy.steps):
        after = Position(round=at.round, step=at.step + 1)
        return after, policy.steps[after.step].delay
    if at.round < policy.repeat:
        return Position(round=at.round + 1, step=0), timedelta(minutes=policy.repeat_after_minutes)
    return None


def destination(target: str) -> Destination | None:
    """The channel that a target names; None = it names people."""
    kind, _, name = target.partition(":")
    return Destination.parse(name) if kind == "notify" else None


def standard(primary: str, secondary: str | None = None) -> Policy:
    """The escalation of RUNBOOKS 0: on-call, after 5 minutes the secondary, then the commander, at 15 who is above."""
    steps = [PolicyStep(targets=(f"schedule:{primary}",))]
    if secondary is not None:
        steps.append(PolicyStep(delay_minutes=5, targets=(f"schedule:{secondary}",)))
    steps.append(PolicyStep(delay_minutes=5, targets=("role:incident_commander",)))
    steps.append(PolicyStep(delay_minutes=5, targets=("role:security_admin", "role:incident_commander")))
    return Policy(steps=tuple(steps))
