"""The input of every detector: window frames of all tenants, read once per tick.

Detectors are pure functions `(Frames, DetectSettings) -> list[Finding]`. They read nothing else.
All times are aware UTC (`datetime64[us, UTC]`), all counts int64, all rates per window.
"""

from dataclasses import dataclass, field
from datetime import datetime

import pandas as pd

from spine.detect.entity.frames import EntityFrames


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """What the rollups know at `now`.

    tenants: one row per tenant. Columns: tenant_id (str), watermark (last event's occurred_at, NaT = none),
        history_days (float, age of the oldest event, capped at 28), active_users (int, users with a success
        in the last 30 days), calm_users_15m (int, users with a success in the last 15 minutes from addresses
        that did not fail in the last 60).
    series: one row per (tenant_id, type) active in 60 minutes. Columns: tenant_id, type, n_5m, n_15m, n_60m (int),
        base_15m, base_60m (float, median of the same hour of week over 28 days scaled to the window; NaN = under 7
        days of history).
    logins: one row per (tenant_id, ip, user_id) with a failed or succeeded login in the last 60 minutes, of
        addresses that failed in them. Columns: tenant_id, ip, user_id, fail_5m, fail_15m, fail_30m, fail_60m,
        ok_15m, ok_60m (int), first_fail, last_fail, last_ok (datetime, NaT = none), country (str | None),
        asn (str | None), user_agents (int, distinct), user_agent (str | None, any one of them),
        synthetic (bool), drill_id (str | None), at_home (bool, the user got in from there before failing there),
        own_device (bool, of rows with ten failures or more: the device this user used last in this country).
    addresses: one row per (tenant_id, ip) that occurs in `logins`, drills apart. Columns: tenant_id, ip,
        known (bool, people of this tenant live there: spine/detect/trust.py), first_seen (datetime),
        failures, successes (int, all time), bucket_level (float), overflowed_at (datetime, NaT = not since
        it last drained), overflow_n (int, failures since the bucket was last empty),
        overflow_first (datetime, first of them).
    unknown: distinct users with a failed login from addresses where nobody of their tenant lives.
        One row per tenant with any. Columns: tenant_id, users_15m, users_1h, users_6h, users_24h,
        addresses_1h, addresses_24h, failures_1h, failures_24h (int), and the tenant's own history of the
        same measure by hour: mean_15m, var_15m, mean_1h, var_1h, mean_6h, var_6h, mean_24h, var_24h
        (float, NaN = under 7 days).
    entities: single users, administrators and rare events (spine/detect/entity/frames.py).
    faults: resets, verifications, callbacks and tokens (spine/detect/fault/family.py), callbacks by provider. One row
        per (tenant_id, type) with events in 60 minutes, or at this hour of the day in 28 days. Columns: tenant_id, type
        (with "@<provider>" behind it for callbacks), n_5m, n_15m, n_60m (int), first_at, last_at (datetime, minute of
        the first and last event in 60 minutes, NaT = none), mean_60m, var_60m (float, events an hour at this hour of
        the day and one hour around it over 28 days; NaN = under 7 days of history), total (float, of all the
        hours so compared).
    """

    now: datetime
    tenants: pd.DataFrame
    series: pd.DataFrame
    logins: pd.DataFrame
    addresses: pd.DataFrame
    unknown: pd.DataFrame
    entities: EntityFrames = field(default_factory=EntityFrames)
    faults: pd.DataFrame


COLUMNS: dict[str, tuple[str, ...]] = {
    "tenants": ("tenant_id", "watermark", "history_days", "active_users", "calm_users_15m"),
    "series": ("tenant_id", "type", "n_5m", "n_15m", "n_60m", "base_15m", "base_60m"),
    "logins": (
        "tenant_id", "ip", "user_id", "fail_5m", "fail_15m", "fail_30m", "fail_60m", "ok_15m", "ok_60m",
        "first_fail", "last_fail", "last_ok", "country", "asn", "user_agents", "user_agent", "synthetic", "drill_id",
        "at_home", "own_device",
    ),
    "addresses": (
        "tenant_id", "ip", "known", "first_seen", "failures", "successes", "bucket_level",
        "overflowed_at", "overflow_n", "overflow_first",
    ),
    "unknown": (
        "tenant_id", "users_15m", "users_1h", "users_6h", "users_24h", "addresses_1h", "addresses_24h",
        "failures_1h", "failures_24h", "mean_15m", "var_15m", "mean_1h", "var_1h", "mean_6h", "var_6h",
        "mean_24h", "var_24h",
    ),
    "faults": (
        "tenant_id", "type", "n_5m", "n_15m", "n_60m", "first_at", "last_at", "mean_60m", "var_60m", "total",
    ),
}  # fmt: skip
"""The columns each frame must have; `store.frames` builds them, tests build small ones by hand."""
