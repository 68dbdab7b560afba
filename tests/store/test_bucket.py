"""The leaky bucket: when it overflows, how long it stays so, and that folding in pieces changes nothing."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spine.bucket import Bucket, BucketSize

START = datetime(2026, 3, 1, tzinfo=UTC)
SIZE = BucketSize(capacity=4, leak_seconds=120)


def at(*seconds: float) -> list[datetime]:
    return [START + timedelta(seconds=s) for s in seconds]


@pytest.mark.parametrize(
    ("seconds", "overflowed"),
    [
        pytest.param((0, 1, 2, 3), None, id="four at once fit"),
        pytest.param((0, 1, 2, 3, 4), 4, id="the fifth overflows"),
        pytest.param((0, 140, 280, 420, 560), None, id="five in ten minutes, evenly, leak away"),
        pytest.param((0, 0, 0, 0, 119), 119, id="not a whole one has leaked"),
        pytest.param((0, 0, 0, 0, 0, 700), None, id="drained, begun anew"),
    ],
)
def test_it_overflows_above_its_capacity(seconds: tuple[float, ...], overflowed: float | None) -> None:
    bucket = Bucket()
    bucket.pour(at(*seconds), SIZE)
    assert bucket.overflowed_at == (None if overflowed is None else at(overflowed)[0])


def test_old_news_does_not_fill_it() -> None:
    bucket = Bucket()
    bucket.pour(at(10_000), SIZE)
    bucket.pour(at(*[5.0] * 50), SIZE)
    assert (bucket.run_n, bucket.overflowed_at) == (1, None)


def test_however_long_the_attack_it_drains_in_bounded_time() -> None:
    bucket = Bucket()
    bucket.pour(at(*[float(s) for s in range(1_000)]), SIZE)
    assert bucket.run_n == 1_000
    bucket.pour([START + timedelta(seconds=999) + SIZE.drain], SIZE)
    assert (bucket.run_n, bucket.overflowed_at) == (1, None)


@given(st.lists(st.integers(0, 3_000), max_size=60), st.integers(0, 60))
def test_pouring_in_two_parts_is_pouring_at_once(seconds: list[int], cut: int) -> None:
    times = at(*sorted(seconds))
    whole, parts = Bucket(), Bucket()
    whole.pour(times, SIZE)
    parts.pour(times[:cut], SIZE)
    parts.pour(times[cut:], SIZE)
    assert whole == parts
