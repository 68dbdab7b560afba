"""Reads the window frames of all tenants: the input of every detector (spine/detect/frames.py)."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection

from spine.detect.frames import COLUMNS, Frames
from store.named import sql
from store.profile import ensure_profile, hour_of
from store.sketch import Union
from store.stage import cursor_of

HOUR = timedelta(hours=1)
_TIMES = {"watermark", "first_fail", "last_fail", "last_ok", "first_seen", "overflowed_at", "overflow_first"}
_FLOATS = {"history_days", "bucket_level"}
_TEXTS = {"tenant_id", "type", "ip", "user_id", "country", "asn", "user_agent", "drill_id"}
_FLAGS = {"ever_ok", "synthetic"}
_TENANTS = """
select tenant_id, watermark, least(extract(epoch from %(now)s - first_at) / 86400, 28)::float8, active_users
from auth_tenant where first_at <= %(now)s"""
_MOMENTS = """
select p.* from auth_unknown_profile p join auth_tenant t using (tenant_id)
where t.first_at <= %(now)s - interval '7 days'"""


def read_frames(connection: Connection, now: datetime) -> Frames:
    """The frames at `now`, as the system role; fold first. Makes the baselines when an hour has begun.

    Counts reach from `now` back to the start of the first whole minute of each window (5 to 60 minutes) and
    never look ahead of `now`.
    """
    ensure_profile(connection, now)
    moment = {"now": now}
    logins = _frame(connection, "logins", sql("tick_logins"), moment)
    keys = logins.loc[~logins["synthetic"], ["tenant_id", "ip"]].drop_duplicates()
    addresses = _frame(
        connection, "addresses", sql("tick_addresses"),
        moment | {"tenants": keys["tenant_id"].tolist(), "ips": keys["ip"].tolist()},
    )  # fmt: skip
    return Frames(
        now=now,
        tenants=_frame(connection, "tenants", _TENANTS, moment),
        series=_frame(connection, "series", sql("tick_series"), _windows(now)),
        logins=logins,
        addresses=addresses,
        unknown=_unknown(connection, now, logins, addresses),
    )


def _windows(now: datetime) -> dict[str, Any]:
    hour = hour_of(now)
    into = (now - hour) / HOUR
    return {
        "now": now,
        "hour": hour,
        "hour_6h": _next_hour(now - 6 * HOUR),
        "hour_24h": _next_hour(now - 24 * HOUR),
        "share_60m": into,
        "share_15m": min(1.0, into * 4),
    }


def _next_hour(moment: datetime) -> datetime:
    hour = hour_of(moment)
    return hour if hour == moment else hour + HOUR


def _frame(connection: Connection, name: str, query: str, parameters: dict[str, Any]) -> pd.DataFrame:
    with cursor_of(connection) as cursor:
        rows = cursor.execute(query, parameters).fetchall()
    frame = pd.DataFrame(rows, columns=list(COLUMNS[name]))
    return typed(frame)


def typed(frame: pd.DataFrame) -> pd.DataFrame:
    """`frame` with the types that spine/detect/frames.py promises, even when it is empty."""
    for column in frame.columns:
        if column in _TIMES:
            frame[column] = pd.to_datetime(frame[column], utc=True).astype("datetime64[us, UTC]")
        elif column in _TEXTS:
            frame[column] = frame[column].astype(object).where(frame[column].notna(), None)
        elif column in _FLAGS:
            frame[column] = frame[column].astype(bool)
        elif column in _FLOATS or column.startswith(("base_", "mean_", "var_")):
            frame[column] = frame[column].astype("float64")
        else:
            frame[column] = frame[column].astype("int64")
    return frame


def _unknown(connection: Connection, now: datetime, logins: pd.DataFrame, addresses: pd.DataFrame) -> pd.DataFrame:
    """Closed hours from their sketches, the hour that runs from the logins just read."""
    known = addresses.loc[addresses["ever_ok"], ["tenant_id", "ip"]]
    tried = logins[(logins["fail_60m"] > 0) & ~logins["synthetic"]].merge(
        known, on=["tenant_id", "ip"], how="left", indicator="known"
    )
    tried = tried[tried["known"] == "left_only"]
    groups = {str(tenant): rows for tenant, rows in tried.groupby("tenant_id")}
    with cursor_of(connection) as cursor:
        recent = {row[0]: row[1:] for row in cursor.execute("select * from auth_unknown_recent").fetchall()}
        moments = {row[0]: row[1:] for row in cursor.execute(_MOMENTS, {"now": now}).fetchall()}
    rows = []
    for tenant in sorted(groups.keys() | recent.keys()):
        counts = _unknown_counts(groups.get(tenant, tried.iloc[:0]), recent.get(tenant), hour_of(now))
        rows.append((tenant, *counts, *_spread(moments.get(tenant))))
    return typed(pd.DataFrame(rows, columns=list(COLUMNS["unknown"])))


def _unknown_counts(tried: pd.DataFrame, recent: tuple[Any, ...] | None, hour: datetime) -> list[int]:
    """users_15m, 1h, 6h, 24h, addresses_1h, 24h, failures_1h, 24h."""
    users_15m = tried.loc[tried["fail_15m"] > 0, "user_id"].nunique()
    users_1h, addresses_1h, failures_1h = (
        tried["user_id"].nunique(),
        tried["ip"].nunique(),
        int(tried["fail_60m"].sum()),
    )
    now_trying = tried[tried["last_fail"] >= hour]
    if recent is None:
        return [users_15m, users_1h, users_1h, users_1h, addresses_1h, addresses_1h, failures_1h, failures_1h]
    users_5h, users_23h, addresses_23h, n_users_6h, n_users_24h, n_addresses, failures = recent
    if len(now_trying):
        users = now_trying["user_id"].dropna().tolist()
        n_users_6h, n_users_24h = _merged(users_5h, users), _merged(users_23h, users)
        n_addresses = _merged(addresses_23h, now_trying["ip"].tolist())
        failures += int(now_trying["fail_60m"].sum())
    users_6h = max(n_users_6h, users_1h)
    return [
        users_15m, users_1h, users_6h, max(n_users_24h, users_6h),
        addresses_1h, max(n_addresses, addresses_1h), failures_1h, max(failures, failures_1h),
    ]  # fmt: skip


def _merged(part: bytes, values: list[str]) -> int:
    union = Union(part)
    union.add_values(values)
    return union.count


def _spread(moments: tuple[float, ...] | None) -> list[float]:
    """mean and variance of 15 m, 1 h, 6 h, 24 h. The quarter hour follows from the hour: a quarter of the
    mean, and the same shape of the negative binomial."""
    if moments is None:
        return [np.nan] * 8
    mean, variance = moments[:2]
    quarter = mean / 4
    return [quarter, quarter + max(variance - mean, 0) / 16, *moments]
