"""Drift: do incidents open today that look like those a model learnt from?"""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from ml.feature import CATEGORIES, NUMBERS
from ml.metric import stability, stability_of_names

_KEPT = 400
"""Values kept of each feature in a model's card, so that drift can be told without its examples."""


@dataclass(frozen=True, slots=True)
class Drift:
    """How far each feature has shifted."""

    index: Mapping[str, float]
    """Population stability index by feature, the most shifted first."""
    openings: int

    def shifted(self, limit: float) -> tuple[str, ...]:
        """Features whose index is over `limit`."""
        return tuple(name for name, value in self.index.items() if value > limit)


def kept(examples: pd.DataFrame) -> dict[str, list[float | str]]:
    """What is kept of the distribution of each feature: values spread evenly over the sorted ones."""
    places = [round(step * (len(examples) - 1) / (_KEPT - 1)) for step in range(_KEPT)]
    chosen = places if len(examples) > _KEPT else list(range(len(examples)))
    values: dict[str, list[float | str]] = {}
    for name in CATEGORIES:
        values[name] = [str(one) for one in sorted(examples[name])]
    for name in NUMBERS:
        values[name] = [round(float(one), 6) for one in sorted(examples[name])]
    return {name: [column[place] for place in chosen] for name, column in values.items()}


def drift(expected: Mapping[str, list[float | str]], seen: pd.DataFrame) -> Drift:
    """How far the openings in `seen` (ml.feature.frame) have shifted from what `kept` gave of the examples."""
    found = {name: stability_of_names([str(one) for one in expected[name]], list(seen[name])) for name in CATEGORIES}
    found |= {name: stability([float(one) for one in expected[name]], seen[name].to_numpy()) for name in NUMBERS}
    return Drift(dict(sorted(found.items(), key=lambda pair: -pair[1])), len(seen))
