"""What a rate limit would have stopped: a token bucket replayed over past attempts."""

import pandas as pd


def over_limit(
    keys: "pd.Series[str]", times: "pd.Series[pd.Timestamp]", *, per_minute: float, burst: float
) -> "pd.Series[bool]":
    """For each attempt, whether a bucket per key would have refused it; attempts in order of time.

    A bucket holds `burst` tokens (one at the least), fills by `per_minute`, and a refused attempt takes none.
    A missing key is never limited.
    """
    capacity, refill = max(float(burst), 1.0), per_minute / 60
    level: dict[str, tuple[float, float]] = {}
    refused = []
    seconds = times.astype("datetime64[us, UTC]").astype("int64") / 1e6
    for key, missing, at in zip(keys, keys.isna(), seconds, strict=True):
        if missing:
            refused.append(False)
            continue
        tokens, last = level.get(key, (capacity, at))
        tokens = min(capacity, tokens + max(at - last, 0.0) * refill)
        passed = tokens >= 1
        level[key] = (tokens - 1 if passed else tokens, at)
        refused.append(not passed)
    return pd.Series(refused, index=keys.index, dtype=bool)
