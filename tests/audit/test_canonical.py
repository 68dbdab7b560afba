"""The fast way to canonical JSON writes what the slow one writes."""

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from spine.canonical import canonical

NAMES = st.text(max_size=6) | st.sampled_from(["\U0001f600", "\ufb33", "a", "B", "\x7f", '"', "é"])
NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
@example({"\U0001f600": 1, "\ufb33": 2})
@example({"a": 1e21, "b": -0.0, "c": [1.0, {}, []]})
@example('\x00\x1f\x7f\b\f\n\r\t\\"/\u2028é')
def test_it_writes_the_bytes_of_rfc_8785(value: object) -> None:
    assert canonical(value) == rfc8785.dumps(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [2**53, float("nan"), float("inf"), {1: 2}, {"a": object()}, "\ud800", {"\ud800": 1}])
def test_what_is_no_json_is_refused(value: object) -> None:
    with pytest.raises(ValueError):
        canonical(value)  # type: ignore[arg-type]
