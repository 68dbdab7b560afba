"""The decision engine's answer: a decision and its plan, frozen and hashable."""

from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from spine.incident import IncidentKind
from spine.severity import Severity

PEOPLE_ONLY = "people say so: containment is never taken back by itself"
"""What ends containment. Source: RUNBOOKS 1 and 2.5."""


class Frozen(BaseModel):
    """Base of the value types of a plan: immutable, unknown names are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Risk(StrEnum):
    """How much an action can hurt; with the role it decides the gate."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Gate(IntEnum):
    """What must happen before an action runs, weakest first."""

    ALLOW = 0
    STEP_UP = 1
    APPROVE = 2
    TWO_PERSON = 3
    DENY = 4

    @property
    def label(self) -> str:
        """The word people read."""
        return self.name.lower().replace("_", "-")


class Verb(StrEnum):
    """What the engine decided to do."""

    NO_ACTION = "NO_ACTION"
    MONITOR = "MONITOR"
    MITIGATE = "MITIGATE"
    CONTAIN = "CONTAIN"
    ESCALATE = "ESCALATE"
    INSUFFICIENT_EVIDENCE = "INSUFFICIENT_EVIDENCE"


class GuardResult(Frozen):
    """One guard's answer. `passed=None` means its look-up failed, which counts as failed (fail closed)."""

    name: str
    passed: bool | None
    because: str


class BlastRadius(Frozen):
    """Counterfactual estimate: the last hour's events replayed against one step."""

    window_start: datetime
    window_end: datetime
    attack_events: int
    attack_stopped: int
    legitimate_events: int
    legitimate_hit: int
    legitimate_users_hit: int
    noun: str = "logins"
    """What the events are attempts of."""
    trouble: str = "attack"
    """What the incident is, for people: an attack or a fault."""
    cap: float
    """Largest share of legitimate attempts the action may hit (0..1)."""

    @property
    def attack_share(self) -> float:
        """Share of attack events that would have been stopped (0..1)."""
        return self.attack_stopped / self.attack_events if self.attack_events else 0.0

    @property
    def legitimate_share(self) -> float:
        """Share of legitimate attempts that would have been hit (0..1)."""
        return self.legitimate_hit / self.legitimate_events if self.legitimate_events else 0.0

    @property
    def within_cap(self) -> bool:
        """True when the estimate respects the cap."""
        return self.legitimate_share <= self.cap


class Coverage(Frozen):
    """How many of the attacking addresses an action's targets hold: an action takes only so many targets."""

    covered: int
    left_out: int
    """Addresses that found no place among the targets."""


class Step(Frozen):
    """One action of a plan, with everything an approver signs."""

    order: int
    action_key: str
    params: dict[str, Any] = Field(default_factory=dict)
    targets: tuple[str, ...] = ()
    """Networks (CIDR), users … the action touches; () = the whole tenant."""
    coverage: Coverage | None = None
    """None = it has no targets that were chosen among attacking addresses."""
    ttl: timedelta | None = None
    risk: Risk
    reversible: bool = True
    gate: Gate
    guard_results: tuple[GuardResult, ...] = ()
    blast_radius: BlastRadius | None = None
    flag_key: str | None = None
    expected_version: int | None = None
    """Version of the flag's base definition when the plan was made."""
    depends_on: tuple[int, ...] = ()
    stop_if: str = ""
    """When it is taken back before its time: what verification, and the watch after it, hold it against."""
    verify: str = ""


class FlagChange(Frozen):
    """A flag this plan would hold."""

    key: str
    from_value: Any
    to_value: Any
    scope: str
    ttl: timedelta
    expected_version: int


class Hypothesis(Frozen):
    """A possible cause, with what speaks for and against it."""

    cause: str
    for_: tuple[str, ...] = Field(default=(), alias="for")
    against: tuple[str, ...] = ()
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class RiskNote(Frozen):
    """What could go wrong with the plan."""

    risk: str
    likelihood: str
    impact: str
    mitigation: str


class RollbackPlan(Frozen):
    """How everything is undone, by whom and until when."""

    trigger: str
    steps: tuple[str, ...]
    owner: str
    deadline: datetime | None
    irreversible: tuple[str, ...] = ()


class EvidenceRef(Frozen):
    """A receipt for one observation."""

    id: UUID
    source: str
    query: str
    window_start: datetime
    window_end: datetime
    n: int
    observed: dict[str, float]
    threshold: dict[str, float]
    sha256: str


class ConfidenceFactor(Frozen):
    """One addend of the confidence, so that a person can argue with it."""

    name: str
    value: float
    because: str


class ShareLimit(Frozen):
    """How many of some events may, or must, be others: so many of the mails sent arrive."""

    name: str
    """What the share is of, for people: "mails that arrive"."""
    of: tuple[str, ...]
    """Types of the events that are the whole."""
    part: tuple[str, ...]
    """Types of those that count; they need not be among `of`."""
    states: tuple[str, ...] = ()
    """Of the part only events whose `delivery_state` is one of these; () = any."""
    sound: bool | None = Field(default=None, exclude_if=lambda value: value is None)
    """Of the part only tokens that were right (True) or wrong (False) to accept (spine/token.py); None = any."""
    least: float | None = None
    """Fixed is only called what reaches this share (0..1) during the hold; None = no such line."""
    most: float | None = None
    """More than this share (0..1), once the effect had its time (`VerifyCriteria.deadline`), is harm; None = no such
    line."""
    min_events: int
    """So many of the whole are needed to say anything."""
    people: bool = Field(default=False, exclude_if=lambda value: not value)
    """True when reaching `least` shows that people get what they want: it stands for the legitimate attempts that fixed
    needs otherwise. Whoever signs up is known to nobody."""


class Lingering(Frozen):
    """What would show that whoever was cut off is still there (spine/lingering.py)."""

    users: tuple[str, ...] = ()
    """Only their events count; () = anybody's, at the addresses."""
    sessions: tuple[str, ...] = ()
    """Ids of the sessions that must be dead."""
    addresses: tuple[str, ...] = ()
    """Where they were used by the wrong one; with neither known, every use of the users' sessions counts until they
    begin new ones."""
    types: tuple[str, ...]
    """Events that show it."""
    factors: tuple[str, ...] = ()
    """Factors by which a user shows, from an address, that what follows there is theirs; () = any further factor."""
    grace: timedelta = timedelta(0)
    """How long after the effect it may go on."""


class VerifyCriteria(Frozen):
    """What verification will hold the world against; frozen with the plan."""

    max_failures_per_window: float
    """Failures (spine/family.py) allowed per `window` once fixed."""
    window: timedelta
    hold: timedelta
    """How long the rate must stay under the limit."""
    deadline: timedelta
    """By when, after the effect, it must have fallen."""
    baseline_success_rate: float | None
    """Success rate of legitimate users before the incident (0..1); None = unknown."""
    max_success_drop: float
    """Fall of that rate that counts as harm (0.05 = 5 percentage points)."""
    min_legitimate: int
    """Legitimate attempts needed for a verdict."""
    max_captcha_abandoned: float | None = None
    """Share of known people asked for a captcha who may give up (0..1); None = the plan asks nobody."""
    shares: tuple[ShareLimit, ...] = Field(default=(), exclude_if=lambda limits: not limits)
    """What else must be so, beside few failures."""
    lingering: Lingering | None = Field(default=None, exclude_if=lambda said: said is None)
    """What is counted instead of failures, where the incident is about single users: so few that no `min_legitimate`
    is waited for. Harm that is seen counts as ever. None = failures count."""


class Decision(Frozen):
    """The deterministic engine's whole answer. Same inputs, same `decision_id`."""

    decision_id: UUID
    incident_id: UUID
    type: IncidentKind
    tenant: str
    environment: str
    decision: Verb
    severity: Severity
    severity_label: str
    confidence: float
    confidence_factors: tuple[ConfidenceFactor, ...]
    hypotheses: tuple[Hypothesis, ...] = ()
    steps: tuple[Step, ...] = ()
    recommended_flags: tuple[FlagChange, ...] = ()
    risks: tuple[RiskNote, ...] = ()
    rollback_plan: RollbackPlan | None = None
    verify: VerifyCriteria | None = None
    evidence: tuple[EvidenceRef, ...] = ()
    receipts: tuple[str, ...] = ()
    seen: tuple[UUID, ...] = ()
    """Every stored piece of evidence it was made from, by id: what is not among them is news."""
    missing_evidence: tuple[str, ...] = ()
    denied: tuple[Step, ...] = ()
    """Steps the runbook wanted and a guard or policy refused, with the reason in their guard results."""
    policy_version: str
    ruleset_version: str
    plan_hash: str
    created_at: datetime
    expires_at: datetime
