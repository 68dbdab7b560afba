"""Whatever stands in a snapshot, a model sees finite numbers in the same columns."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml.feature import CATEGORIES, COLUMNS, NUMBERS, features, frame, shown
from ml.sample import of_line, table
from spine.errors import Refused
from spine.score import WORDS

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
_KEYS = ("kind", "scope", "severity", "detectors", "users", "addresses", "lead_minutes", "class", "recurs", "tenants")


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(_KEYS), _JSON))
def test_any_snapshot_gives_finite_numbers(snapshot: dict[str, Any]) -> None:
    found = frame([snapshot])
    assert tuple(found.columns) == COLUMNS
    assert np.isfinite(found[list(NUMBERS)].to_numpy()).all()
    assert all(isinstance(found[name].iloc[0], str) for name in CATEGORIES)


def test_every_feature_has_words() -> None:
    assert set(WORDS) == set(COLUMNS)


def test_the_clearest_detector_speaks() -> None:
    seen = {"weak": {"margin": 1.1, "n": 5}, "clear": {"margin": 4.0, "n": 9, "observed": {"ratio": 0.8}}}
    found = features({"kind": "FAILED_LOGINS_SPIKE", "detectors": seen, "users": 30, "addresses": 3})
    assert (found["detector"], found["margin"], found["events"], found["ratio"]) == ("clear", 4.0, 9.0, 0.8)
    assert found["users_per_address"] == 10
    assert frame([{"users": 30}])["users"].iloc[0] == pytest.approx(math.log1p(30))


def test_values_are_told_as_people_read_them() -> None:
    assert [shown("users", 1234.0), shown("ratio", 0.5), shown("recurs", 1.0), shown("margin", 3.25)] == [
        "1,234", "50%", "yes", "3.2",
    ]  # fmt: skip


def test_a_line_that_is_no_example_is_refused(made_lines: list[dict[str, Any]]) -> None:
    assert len(table([of_line(line) for line in made_lines])) == len(made_lines)
    for broken in ({}, {**made_lines[0], "outcome": "maybe"}, {**made_lines[0], "worst": 9}):
        with pytest.raises(Refused, match="no example"):
            of_line(broken)
