"""The model card: what a model is, what it learnt from, how good it is, and where it is not to be trusted."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ml.drift import kept
from ml.feature import CATEGORIES, NUMBERS, VERSION
from ml.fit import Model
from ml.judge import Judged
from ml.sample import HISTORY, WORLD, Sample
from spine.score import WORDS

LIMITS = (
    "It orders lists and shows a probability. No decision, gate, guard, page or action reads it.",
    "Simulated worlds are no history: until incidents of this installation are labelled, probabilities are those of "
    "worlds with more benign trouble than most.",
    "It judges what was known when an incident opened; what came later is not in the score.",
    "Effects of reasons hold for one feature at a time.",
    "A kind of incident without examples is judged by its numbers alone.",
)


def card(model: Model, judged: Judged, samples: Sequence[Sample], examples: pd.DataFrame) -> dict[str, Any]:
    """The card of `model`, trained on `samples` (`examples` is their table) and judged as `judged` says."""
    return {
        "ranker": model.ranker,
        "feature_version": VERSION,
        "features": {name: WORDS[name] for name in (*CATEGORIES, *NUMBERS)},
        "window": {
            "from": min(sample.opened_at for sample in samples).isoformat(),
            "to": max(sample.opened_at for sample in samples).isoformat(),
        },
        "learnt_to": max((one.opened_at.isoformat() for one in samples if one.world == HISTORY), default=None),
        "sources": {str(name): int(n) for name, n in examples[WORLD].value_counts(sort=False).items()},
        "held_out": {name: figures.told() for name, figures in judged.figures.items()},
        "used": judged.figures[judged.ranker].told(),
        "weights": weights(model),
        "limits": list(LIMITS),
        "distribution": kept(examples),
    }


def weights(model: Model, most: int = 12) -> dict[str, float]:
    """What the order goes by, strongest first: weights of pairwise ranking, or the importance of trees."""
    table, last = model.rank.named_steps["table"], model.rank.named_steps["model"]
    values = last.coef_[0] if model.ranker == "logistic" else last.feature_importances_
    names = [name.split("__", 1)[1] for name in table.get_feature_names_out()]
    order = np.argsort(-np.abs(values))[:most]
    return {names[place]: round(float(values[place]), 3) for place in order if abs(values[place]) > 1e-6}
