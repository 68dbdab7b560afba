"""Figures of model cards, against values that can be worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml import metric


@pytest.mark.parametrize(
    ("grades", "scores", "expected"),
    [
        ([3, 0], [2, 1], 1.0),
        ([0, 3], [2, 1], 1 / math.log2(3)),
        ([0, 0], [1, 2], None),
        ([1], [1], None),
        ([0, 0, 0, 0, 0, 3], [6, 5, 4, 3, 2, 1], 0.0),
        ([2, 1, 0], [1, 2, 0], (1 + 3 / math.log2(3)) / (3 + 1 / math.log2(3))),
    ],
    ids=["perfect", "second", "nothing to order", "alone", "beyond the fifth", "swapped"],
)
def test_ndcg(grades: list[int], scores: list[int], expected: float | None) -> None:
    assert metric.ndcg(grades, scores) == pytest.approx(expected)


def test_queues_without_anything_to_order_do_not_flatter_the_mean() -> None:
    assert metric.mean_ndcg(["a", "a", "b", "b"], [0, 3, 2, 2], [2, 1, 1, 2]) == pytest.approx(1 / math.log2(3))
    assert metric.mean_ndcg(["a", "b"], [0, 3], [1, 2]) is None


def test_auc_counts_ties_half_and_needs_both_sorts() -> None:
    assert metric.auc([1, 1, 0, 0], [3, 1, 1, 0]) == pytest.approx(0.875)
    assert metric.auc([1, 1], [3, 1]) is None


def test_a_probability_that_says_what_is_seen_has_no_calibration_error() -> None:
    said = np.repeat([0.25, 0.75], 100)
    seen = np.concatenate([np.arange(100) < 25, np.arange(100) < 75])
    assert metric.calibration_error(seen, said) == pytest.approx(0)
    assert metric.calibration_error(~seen, said) == pytest.approx(0.5)
    assert metric.brier([1, 0], [1, 0]) == 0


def test_a_shifted_feature_is_told_from_one_that_stayed() -> None:
    rng = np.random.default_rng(3)
    old = rng.normal(size=2000)
    assert metric.stability(old, rng.normal(size=2000)) < 0.1
    assert metric.stability(old, rng.normal(1, 1, 2000)) > 0.25
    assert metric.stability([5.0] * 50, [5.0] * 20) == pytest.approx(0)
    assert metric.stability_of_names(["a"] * 50, ["a"] * 25 + ["b"] * 25) > 0.25


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 1)), min_size=2, max_size=30))
def test_no_order_is_better_than_that_of_the_grades(rows: list[tuple[int, float]]) -> None:
    grades, scores = zip(*rows, strict=True)
    found = metric.ndcg(grades, scores)
    assert found is None or 0 <= found <= 1 + 1e-9
    assert metric.ndcg(grades, grades) in (None, pytest.approx(1))
