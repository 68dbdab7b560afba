"""The replayed token bucket limits what has a key, and nothing else."""

import pandas as pd

from spine.throttle import over_limit


def _times(n: int) -> "pd.Series[pd.Timestamp]":
    return pd.Series(pd.date_range("2026-01-05", periods=n, freq="s", tz="UTC"))


def test_attempts_without_a_key_are_never_limited() -> None:
    keys = pd.Series(["203.0.113.1"] * 6).where(pd.Series([True, False] * 3))
    refused = over_limit(keys, _times(6), per_minute=1, burst=1)
    assert refused.tolist() == [False, False, True, False, True, False]


def test_each_key_has_a_bucket_of_its_own() -> None:
    keys = pd.Series(["a", "b", "a", "b"])
    assert over_limit(keys, _times(4), per_minute=1, burst=1).tolist() == [False, False, True, True]
