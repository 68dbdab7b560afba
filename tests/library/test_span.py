"""Lengths of time as people read them."""

from datetime import timedelta

import pytest

from spine.span import span


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.44, "0.4 s"),
        (8, "8 s"),
        (9.96, "10 s"),
        (59.6, "1 min"),
        (90, "1 min 30 s"),
        (130, "2 min 10 s"),
        (5400, "1 h 30 min"),
        (3605, "1 h 5 s"),
        (86_400, "24 h"),
        (-300, "-5 min"),
    ],
)
def test_a_length_of_time_is_told_in_the_units_people_use(seconds: float, words: str) -> None:
    assert span(timedelta(seconds=seconds)) == words
