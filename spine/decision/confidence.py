"""Confidence: a sum of named addends that a person can argue with. Not calibrated, not a probability.

Source of the weights: RUNBOOKS 3.
"""

import math

from spine.case import Case, Diagnosis
from spine.plan import ConfidenceFactor
from spine.settings import DecisionSettings

MARGIN, SIGNALS, SAMPLE, CONFIRMATION, MOST_CONFOUNDED = 0.35, 0.25, 0.2, 0.2, 0.4


def factors(case: Case, diagnosis: Diagnosis, settings: DecisionSettings) -> tuple[ConfidenceFactor, ...]:
    """The addends; their sum, kept within 0..1, is the confidence."""
    firing = case.firing
    margin = max((f.margin for f in firing), default=0.0)
    detectors = sorted({f.detector for f in firing})
    sample = max((f.n for f in firing), default=0)
    found = [
        _addend(
            "rule margin", MARGIN, margin / settings.full_margin, f"the clearest finding is {margin:.1f} times its line"
        ),
        _addend("independent signals", SIGNALS, len(detectors) / settings.full_signals, _names(detectors)),
        _addend("sample", SAMPLE, sample / settings.full_sample, f"{sample} events in the largest finding"),
        _addend("diagnostic confirmation", CONFIRMATION, diagnosis.confirmation, diagnosis.confirmed_by),
    ]
    left = MOST_CONFOUNDED
    for confounder in diagnosis.confounders:
        weight = min(max(confounder.weight, 0.0), left)
        left -= weight
        found.append(
            ConfidenceFactor(name=f"confounder: {confounder.name}", value=round(-weight, 4), because=confounder.because)
        )
    return tuple(found)


def total(addends: tuple[ConfidenceFactor, ...]) -> float:
    """The confidence: 0..1, four digits."""
    return round(min(max(math.fsum(a.value for a in addends), 0.0), 1.0), 4)


def _addend(name: str, weight: float, share: float, because: str) -> ConfidenceFactor:
    safe = min(max(share, 0.0), 1.0) if not math.isnan(share) else 0.0
    return ConfidenceFactor(name=name, value=round(weight * safe, 4), because=because)


def _names(detectors: list[str]) -> str:
    return f"{len(detectors)} detectors fire: {', '.join(detectors)}" if detectors else "no detector fires"
