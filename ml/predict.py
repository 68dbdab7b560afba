"""A model asked: where an incident belongs in the queue, how likely it is real, and what moved that."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from ml.feature import COLUMNS, features, frame, shown
from ml.fit import Model, raw_rank
from spine.ids import IncidentId
from spine.score import Reason, Score
from spine.severity import Severity

Numbers = NDArray[np.float64]
_REASONS = 3
_LEAST_EFFECT = 0.005
"""Under half a percentage point a feature is no reason."""


def predict(
    model: Model, number: int, openings: Sequence[tuple[IncidentId, Mapping[str, Any]]], now: datetime
) -> list[Score]:
    """The scores of incidents, given what was known when each opened.

    Raises:
        ValueError: the model answers with something that is no probability; nothing of it is to be used.
    """
    if not openings:
        return []
    seen = frame([snapshot for _, snapshot in openings])
    ranks, real = rank_of(model, seen), probability_of(model, seen)
    names, chances = _likeliest(model.cause, seen)
    worst, _ = _likeliest(model.worst, seen)
    effects = _effects(model, seen, real)
    scores = []
    for place, (incident, snapshot) in enumerate(openings):
        least = int(seen["severity"].iloc[place])
        scores.append(
            Score(
                incident_id=incident,
                model_number=number,
                rank=float(ranks[place]),
                probability=float(real[place]),
                cause=str(names[place]),
                cause_probability=float(chances[place]),
                severity=Severity(min(max(int(worst[place]), least), int(Severity.CRITICAL))),
                reasons=_reasons(effects[place], features(snapshot)),
                scored_at=now,
            )
        )
    return scores


def rank_of(model: Model, seen: pd.DataFrame) -> Numbers:
    """Ranks from 0 to 1, higher further up. NaN stays NaN."""
    raw = raw_rank(model.ranker, model.rank, seen)
    return np.asarray(expit((raw - model.centre) / model.spread), dtype=float)


def probability_of(model: Model, seen: pd.DataFrame) -> Numbers:
    """The probability of a real incident, row by row."""
    return np.asarray(model.real.predict_proba(seen), dtype=float)[:, list(model.real.classes_).index(1)]


def _likeliest(classifier: Any, seen: pd.DataFrame) -> tuple[list[Any], list[float]]:
    chances = np.asarray(classifier.predict_proba(seen), dtype=float)
    best = chances.argmax(axis=1)
    return [classifier.classes_[one] for one in best], [float(row[one]) for row, one in zip(chances, best, strict=True)]


def _effects(model: Model, seen: pd.DataFrame, real: Numbers) -> Numbers:
    """How much each feature moves the probability, row by feature: the difference to the usual value in its place.

    It holds for one feature at a time, whatever the model; effects of several do not add up exactly.
    """
    return np.column_stack([real - probability_of(model, seen.assign(**{one: model.usual[one]})) for one in COLUMNS])


def _reasons(effects: Numbers, told: Mapping[str, float | str]) -> tuple[Reason, ...]:
    """The features that move the probability most."""
    ranked = sorted(zip(COLUMNS, effects, strict=True), key=lambda pair: (-abs(pair[1]), pair[0]))
    return tuple(
        Reason(name, shown(name, told[name]), round(float(effect), 4))
        for name, effect in ranked[:_REASONS]
        if abs(effect) >= _LEAST_EFFECT
    )
