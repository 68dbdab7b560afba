"""What a model says of an incident. It orders lists and is shown; no decision, gate or page reads it."""

import math
from dataclasses import dataclass
from datetime import datetime

from spine.ids import IncidentId
from spine.severity import Severity

WORDS = {
    "kind": "type of incident", "scope": "whom it is about", "detector": "the detector that fired most clearly",
    "attack": "class of attack", "severity": "severity at the opening", "margin": "how far over the line it was",
    "detectors": "how many detectors fired", "events": "events it rests on", "window": "minutes of the window",
    "users": "users", "addresses": "addresses", "users_per_address": "users per address",
    "compromised": "users who succeeded after the attack", "tenants": "tenants it touches",
    "ratio": "share that failed", "fold": "times the usual", "lead": "minutes from the first event to the opening",
    "recurs": "follows an earlier incident", "suppressed": "opened in a maintenance window",
}  # fmt: skip
"""Each feature of ml/feature.py in words, for reasons and model cards."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One feature that moved the probability."""

    feature: str
    """Name, a key of WORDS."""
    value: str
    """What it was, for people."""
    effect: float
    """By how much the probability would be lower (or, if negative, higher) with the usual value instead: -1..1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The judgement of one model on one incident.

    Raises:
        ValueError: a number is NaN or out of its range; such a score is never stored.
    """

    incident_id: IncidentId
    model_number: int
    rank: float
    """0..1; higher stands further up. Comparable within one model only."""
    probability: float
    """Calibrated chance that there is something to do about it."""
    cause: str = ""
    """A key of spine.outcome.CAUSES, "" = the model cannot tell."""
    cause_probability: float = 0.0
    severity: Severity
    """How bad it is likely to get."""
    reasons: tuple[Reason, ...] = ()
    scored_at: datetime

    def __post_init__(self) -> None:
        for name in ("rank", "probability", "cause_probability"):
            value = getattr(self, name)
            if not (math.isfinite(value) and 0 <= value <= 1):
                raise ValueError(f"{name} is {value!r}, not a number from 0 to 1")
        if not all(math.isfinite(reason.effect) for reason in self.reasons):
            raise ValueError("the effect of a reason is no number")
