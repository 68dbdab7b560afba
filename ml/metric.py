"""How good an order or a probability is. Pure functions of arrays; every figure of the model card is made here."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
BINS = 10
_LEAST_SHARE = 1e-4


def ndcg(grades: ArrayLike, scores: ArrayLike, k: int = 5) -> float | None:
    """Normalised discounted cumulative gain of the first `k`: 1 = nobody could order them better.

    Gain 2^grade - 1, discount log2(place + 1). None where all grades are equal: there is nothing to order.
    Source: Järvelin and Kekäläinen, 2002; gain after Burges et al., 2005.
    """
    graded, ranked = np.asarray(grades, float), np.asarray(scores, float)
    if len(graded) < 2 or np.all(graded == graded[0]):
        return None
    order = np.argsort(-ranked, kind="stable")
    return _gain(graded[order], k) / _gain(np.sort(graded)[::-1], k)


def mean_ndcg(queues: Sequence[str], grades: ArrayLike, scores: ArrayLike, k: int = 5) -> float | None:
    """The mean of `ndcg` over queues that have something to order; None = none has."""
    names, graded, ranked = np.asarray(queues), np.asarray(grades, float), np.asarray(scores, float)
    found = [ndcg(graded[names == name], ranked[names == name], k) for name in dict.fromkeys(queues)]
    told = [value for value in found if value is not None]
    return float(np.mean(told)) if told else None


def auc(real: ArrayLike, scores: ArrayLike) -> float | None:
    """The chance that a real one has a higher score than another, ties counted half; None = one sort is missing."""
    labels, ranked = np.asarray(real, bool), np.asarray(scores, float)
    yes, no = ranked[labels], ranked[~labels]
    if not len(yes) or not len(no):
        return None
    difference = yes[:, None] - no[None, :]
    return float(((difference > 0) + 0.5 * (difference == 0)).mean())


def brier(real: ArrayLike, probability: ArrayLike) -> float:
    """Mean squared error of a probability; 0 is perfect, and always saying the share of real ones is the yardstick."""
    return float(np.mean((np.asarray(probability, float) - np.asarray(real, float)) ** 2))


def calibration_error(real: ArrayLike, probability: ArrayLike) -> float:
    """Expected calibration error over ten bins of equal width: how far said and seen frequencies lie apart.

    Source: Naeini, Cooper and Hauskrecht, 2015.
    """
    labels, said = np.asarray(real, float), np.asarray(probability, float)
    bins = np.minimum((said * BINS).astype(int), BINS - 1)
    gaps = [abs(labels[bins == b].mean() - said[bins == b].mean()) * (bins == b).mean() for b in np.unique(bins)]
    return float(sum(gaps))


def stability(expected: ArrayLike, seen: ArrayLike) -> float:
    """Population stability index of a number's distribution against the one it was learnt from; 0 = the same.

    Bins hold a tenth of the expected values each; a value of its own stands for itself. Under 0.1 is no shift, from
    0.25 on a large one. Source: Siddiqi, Credit Risk Scorecards, 2006.
    """
    old, new = np.round(np.asarray(expected, float), 6), np.round(np.asarray(seen, float), 6)
    edges = np.unique(np.quantile(old, np.linspace(0, 1, BINS + 1)[1:-1]))
    return _index(np.searchsorted(edges, old, side="left"), np.searchsorted(edges, new, side="left"))


def stability_of_names(expected: Sequence[str], seen: Sequence[str]) -> float:
    """The same for names, each a bin."""
    names = {name: place for place, name in enumerate(sorted({*expected, *seen}))}
    return _index(np.array([names[one] for one in expected]), np.array([names[one] for one in seen]))


def _index(old: NDArray[np.int64], new: NDArray[np.int64]) -> float:
    bins = np.union1d(old, new)
    share = np.array([[max((side == b).mean(), _LEAST_SHARE) for b in bins] for side in (old, new)])
    return float(np.sum((share[1] - share[0]) * np.log(share[1] / share[0])))


def _gain(grades: Floats, k: int) -> float:
    first = grades[:k]
    return float(np.sum((2.0**first - 1) / np.log2(np.arange(2, len(first) + 2))))
