"""Settings of decision, policy, approval and verification."""

from pydantic import BaseModel


class DecisionSettings(BaseModel):
    """What the engine proposes."""

    automatic_confidence: float = 0.8
    propose_confidence: float = 0.5
    plan_minutes: float = 15
    """A plan, and the approval of it, is void after this."""


class PolicySettings(BaseModel):
    """Changes to the policy matrix; the matrix itself is in spine/policy.py."""

    version: str = "2026-11"


class ApprovalSettings(BaseModel):
    """How approvals are asked for and proven."""

    stepup_attempts: int = 5
    """Wrong codes allowed per person within `stepup_window_minutes`; then refused without a look."""
    stepup_window_minutes: float = 10


class VerifySettings(BaseModel):
    """When a mitigation counts as having worked."""

    settle_minutes: float = 10
    """By when, after the effect, failures must be under the limit."""
    hold_minutes: float = 15
    """How long they must stay there."""
    min_legitimate: int = 30
    """Legitimate attempts needed for a verdict on harm."""
    max_success_drop: float = 0.05
    """Fall of the legitimate success rate that counts as harm (0.05 = 5 percentage points)."""
    max_failures_floor_per_5m: float = 10
    baseline_factor: float = 1.5
