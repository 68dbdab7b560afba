"""Models judged on queues that they did not see, beside the deterministic order: worst first, then oldest."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from ml import metric
from ml.feature import COLUMNS
from ml.fit import Model, Ranker, enough, fit
from ml.predict import probability_of, rank_of
from ml.sample import CAUSE, DAY, GRADE, REAL, WORLD
from spine.errors import Refused
from spine.severity import Severity

LEAST_GAIN = 0.01
"""Boosted trees must order held-out queues better by this, in NDCG@5, to be preferred to weights one can read."""
_FOLDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How good a model is on examples it did not learn from; None = cannot be told from these."""

    examples: int
    real: int
    queues: int
    """Queues in which something could be put in a wrong order."""
    ndcg5: float | None
    ndcg5_deterministic: float | None
    auc: float | None
    auc_deterministic: float | None
    """Of severity alone, read as a score."""
    brier: float
    brier_of_share: float
    """Of always saying the share of real ones: the yardstick."""
    ece: float
    cause_accuracy: float

    def told(self) -> dict[str, Any]:
        """The figures, rounded to four places."""
        return {name: round(one, 4) if isinstance(one, float) else one for name, one in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Judged:
    """What held-out examples say of each way to rank, and which one is to be used."""

    ranker: Ranker
    figures: dict[Ranker, Figures]


def shown_order(severity: Sequence[float], rank: Sequence[float] | None) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The order of the queue as a score: what is critical first, then by rank; without a rank by severity."""
    level = np.asarray(severity, dtype=float)
    return level if rank is None else np.where(level >= Severity.CRITICAL, 2.0, 0.0) + np.asarray(rank, dtype=float)


def figures(model: Model, examples: pd.DataFrame) -> Figures:
    """How good `model` is on `examples`, none of which it may have learnt from."""
    seen = examples[list(COLUMNS)]
    said = Held(examples, rank_of(model, seen), probability_of(model, seen), np.asarray(model.cause.predict(seen)))
    return said.figures()


@dataclass(frozen=True, slots=True)
class Held:
    """Examples with what a model that did not see them says."""

    examples: pd.DataFrame
    rank: np.ndarray[Any, Any]
    probability: np.ndarray[Any, Any]
    cause: np.ndarray[Any, Any]

    def figures(self) -> Figures:
        """All figures."""
        rows = self.examples
        real, grades, queues = rows[REAL].to_numpy(), rows[GRADE].to_numpy(), list(rows[DAY])
        severity = rows["severity"].to_numpy(float)
        orders = [metric.ndcg(part[GRADE].to_numpy(), np.zeros(len(part))) for _, part in rows.groupby(DAY)]
        return Figures(
            examples=len(rows), real=int(real.sum()), queues=sum(one is not None for one in orders),
            ndcg5=metric.mean_ndcg(queues, grades, shown_order(list(severity), list(self.rank))),
            ndcg5_deterministic=metric.mean_ndcg(queues, grades, shown_order(list(severity), None)),
            auc=metric.auc(real, self.probability), auc_deterministic=metric.auc(real, severity),
            brier=metric.brier(real, self.probability),
            brier_of_share=metric.brier(real, np.full(len(real), real.mean())),
            ece=metric.calibration_error(real, self.probability),
            cause_accuracy=float(np.mean(self.cause == rows[CAUSE].to_numpy())),
        )  # fmt: skip


def judge(examples: pd.DataFrame) -> Judged:
    """Each way to rank, judged on worlds that it did not learn from.

    On days instead, where there is one world, or where too little to learn from is left without one of them.

    Raises:
        Refused: the examples are too few to hold some back.
    """
    found: dict[Ranker, Figures] = {
        "logistic": held_out(examples, "logistic"),
        "boosted": held_out(examples, "boosted"),
    }
    plain, boosted = found["logistic"].ndcg5, found["boosted"].ndcg5
    gains = plain is not None and boosted is not None and boosted - plain >= LEAST_GAIN
    return Judged("boosted" if gains else "logistic", found)


def held_out(examples: pd.DataFrame, ranker: Ranker) -> Figures:
    """The figures of models that were each trained without the part they are judged on."""
    parts = []
    for train, test in _folds(examples):
        model, seen = fit(train, ranker), test[list(COLUMNS)]
        said = (rank_of(model, seen), probability_of(model, seen), np.asarray(model.cause.predict(seen), dtype=object))
        parts.append((test, *said))
    rows, ranks, probabilities, causes = zip(*parts, strict=True)
    return Held(
        pd.concat(rows, ignore_index=True), np.concatenate(ranks), np.concatenate(probabilities), np.concatenate(causes)
    ).figures()


def _folds(examples: pd.DataFrame) -> list[tuple[pd.DataFrame, pd.DataFrame]]:
    """Training and test parts: whole worlds apart where each training part can teach something, else days."""
    worlds = _parted(examples, WORLD)
    if len(worlds) >= 2 and all(enough(train) for train, _ in worlds):
        return worlds
    days = _parted(examples, DAY)
    if len(days) < 2:
        raise Refused(
            "examples.few", "All examples are of one day: none can be held back to judge a model. Nothing was trained; "
            "label incidents of more days, or add simulated worlds.",
        )  # fmt: skip
    return days


def _parted(examples: pd.DataFrame, by: str) -> list[tuple[pd.DataFrame, pd.DataFrame]]:
    """So many times the examples without some of the groups, and those."""
    groups = sorted(examples[by].unique())
    folds = min(_FOLDS, len(groups))
    held = [set(groups[fold::folds]) for fold in range(folds)]
    return [(examples[~examples[by].isin(part)], examples[examples[by].isin(part)]) for part in held]
