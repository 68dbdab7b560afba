"""Training: four small models on the features of openings. The same examples give the same models."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from ml.feature import CATEGORIES, COLUMNS, NUMBERS, VERSION
from ml.sample import CAUSE, DAY, GRADE, REAL, WORST
from spine.errors import Refused

Ranker = Literal["logistic", "boosted"]
LEAST_OF_EACH = 10
"""Real incidents, and others, without which nothing can be learnt."""
_SEED = 7
_MOST_PAIRS = 20_000
_FOLDS = 3
_STEPS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What is trained, stored and asked as one."""

    ranker: Ranker
    rank: Any
    """Pipeline; logistic: `decision_function`, boosted: `predict`. Higher belongs further up."""
    real: Any
    """Calibrated classifier: the probability of a real incident."""
    cause: Any
    worst: Any
    centre: float
    """Median of the raw ranks of the examples, and their spread: they bring ranks between 0 and 1."""
    spread: float
    usual: Mapping[str, float | str]
    """The commonest value of each feature, as `feature.frame` gives it: what reasons are compared with."""
    features: int = VERSION


def fit(examples: pd.DataFrame, ranker: Ranker) -> Model:
    """Learn from `examples` (ml.sample.table).

    Raises:
        Refused: they are too few.
    """
    if not enough(examples):
        real = examples[REAL].to_numpy()
        raise Refused(
            "examples.few",
            f"There are {int(real.sum())} examples of real incidents and {int(len(real) - real.sum())} of others; it "
            f"takes {LEAST_OF_EACH} of each. Nothing was trained. Label more incidents (`opsspine incidents label`), "
            "or add simulated worlds (`python -m benchmarks.ranking samples`, then `--samples FILE`).",
        )
    seen = examples[list(COLUMNS)]
    rank = _pairwise(examples) if ranker == "logistic" else _boosted(examples)
    raw = raw_rank(ranker, rank, seen)
    return Model(
        ranker=ranker, rank=rank, real=_calibrated(examples), cause=_classes(seen, examples[CAUSE]),
        worst=_classes(seen, examples[WORST]), centre=float(np.median(raw)), spread=max(float(np.std(raw)), 1e-6),
        usual=_usual(seen),
    )  # fmt: skip


def enough(examples: pd.DataFrame) -> bool:
    """True when there are so many real incidents, and others, that something can be learnt from them."""
    real = int(examples[REAL].sum())
    return min(real, len(examples) - real) >= LEAST_OF_EACH


def raw_rank(ranker: Ranker, rank: Any, seen: pd.DataFrame) -> NDArray[np.float64]:
    """What the ranking model says of each row, on its own scale."""
    return np.asarray(rank.decision_function(seen) if ranker == "logistic" else rank.predict(seen), dtype=float)


def _table() -> ColumnTransformer:
    return ColumnTransformer(
        [
            ("names", OneHotEncoder(handle_unknown="ignore", sparse_output=False), list(CATEGORIES)),
            ("numbers", StandardScaler(), list(NUMBERS)),
        ]
    )


def _pairwise(examples: pd.DataFrame) -> Pipeline:
    """Weights under which, of two in one queue, the graver one comes first: logistic regression on differences."""
    prepared = _table().fit(examples[list(COLUMNS)])
    rows = np.asarray(prepared.transform(examples[list(COLUMNS)]), dtype=float)
    grades, pairs = examples[GRADE].to_numpy(), _pairs(examples)
    higher = np.array([(a, b) if grades[a] > grades[b] else (b, a) for a, b in pairs])
    difference = rows[higher[:, 0]] - rows[higher[:, 1]]
    model = LogisticRegression(fit_intercept=False, C=0.3, max_iter=_STEPS)
    model.fit(np.vstack([difference, -difference]), np.repeat([1, 0], len(difference)))
    return Pipeline([("table", prepared), ("model", model)])


def _pairs(examples: pd.DataFrame) -> NDArray[np.int64]:
    """Pairs of rows of one queue with different grades; of very many a part, always the same."""
    grades = examples[GRADE].to_numpy()
    groups = examples.reset_index(drop=True).groupby(DAY, sort=True).indices.values()
    found = [pair for rows in groups for pair in combinations(rows, 2) if grades[pair[0]] != grades[pair[1]]]
    if not found:  # no queue has two kinds: all of them are one
        found = [(a, b) for a, b in combinations(range(len(grades)), 2) if grades[a] != grades[b]]
    pairs = np.array(found, dtype=np.int64)
    if len(pairs) > _MOST_PAIRS:
        pairs = np.random.default_rng(_SEED).choice(pairs, _MOST_PAIRS, replace=False)
    return pairs


def _boosted(examples: pd.DataFrame) -> Pipeline:
    """Grades by boosted trees: kept only where it orders held-out queues better than the pairwise weights."""
    model = GradientBoostingRegressor(
        n_estimators=80, max_depth=3, learning_rate=0.08, min_samples_leaf=8, subsample=0.8, random_state=_SEED
    )
    return Pipeline([("table", _table()), ("model", model)]).fit(examples[list(COLUMNS)], examples[GRADE])


def _calibrated(examples: pd.DataFrame) -> CalibratedClassifierCV:
    """The probability of a real incident, calibrated on queues that its models did not see (Platt, 1999)."""
    seen, real = examples[list(COLUMNS)], examples[REAL]
    folds = StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=_SEED)
    splits = [
        (train, test) for train, test in folds.split(seen, real, examples[DAY])
        if real.iloc[train].nunique() == 2 and real.iloc[test].nunique() == 2
    ]  # fmt: skip
    plain = Pipeline([("table", _table()), ("model", LogisticRegression(C=0.3, max_iter=_STEPS))])
    return CalibratedClassifierCV(plain, method="sigmoid", cv=splits or _FOLDS).fit(seen, real)


def _classes(seen: pd.DataFrame, wanted: pd.Series) -> Any:
    """A classifier of names or levels; where there is but one it says that one."""
    if wanted.nunique() < 2:
        return DummyClassifier(strategy="most_frequent").fit(seen, wanted)
    return Pipeline([("table", _table()), ("model", LogisticRegression(C=1.0, max_iter=_STEPS))]).fit(seen, wanted)


def _usual(seen: pd.DataFrame) -> dict[str, float | str]:
    names = {name: str(seen[name].mode().iloc[0]) for name in CATEGORIES}
    return names | {name: float(seen[name].median()) for name in NUMBERS}
