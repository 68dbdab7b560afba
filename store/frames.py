"""Reads the window frames of all tenants: the input of every detector (spine/detect/frames.py)."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection

from spine.detect.fault.family import COUNTED
from spine.detect.frames import COLUMNS, Frames
from store.entities import read_entities
from store.moment import hour_up_to
from store.named import sql
from store.profile import ensure_profile, hour_of
from store.stage import cursor_of
from store.unknown_now import unknown_rows

HOUR = timedelta(hours=1)
_TIMES = {"watermark", "first_fail", "last_fail", "last_ok", "first_seen", "overflowed_at", "overflow_first",
          "first_at", "last_at"}  # fmt: skip
_TEXTS = {"tenant_id", "type", "ip", "user_id", "country", "asn", "user_agent", "drill_id"}
_FLAGS = {"known", "synthetic", "at_home"}
_FLOATS = ("history_days", "bucket_level", "base_", "mean_", "var_", "total")
_LOGIN = len(COLUMNS["logins"])
"""So many columns of a row of tick_logins.sql are the login's; the rest is its address's past."""
_FAILURES = _LOGIN + COLUMNS["addresses"].index("failures") - 2
"""Null where an address has no past: a drill's."""
_FAILED, _SYNTHETIC = COLUMNS["logins"].index("fail_60m"), COLUMNS["logins"].index("synthetic")
_FAULTS = {"types": list(COUNTED)}
Rows = list[tuple[Any, ...]]


@pd.option_context("future.infer_string", False)
def read_frames(connection: Connection, now: datetime) -> Frames:
    """The frames at `now`, as the system role; fold first. Makes the baselines when an hour has begun.

    Counts reach from `now` back to the start of the first whole minute of each window (5 to 60 minutes) and
    never look ahead of `now`.
    """
    ensure_profile(connection, now)
    with cursor_of(connection) as cursor:
        logins = cursor.execute(sql("tick_logins"), hour_up_to(now)).fetchall()
        tenants = cursor.execute(sql("tick_tenants"), {"now": now, **_failing(logins)}).fetchall()
        unknown = unknown_rows(cursor, now, hour_of(now), logins)
        faults = cursor.execute(sql("tick_faults"), {"now": now, **_FAULTS}).fetchall()
    addresses = {row[:2]: row[:2] + row[_LOGIN:] for row in logins if row[_FAILURES] is not None}
    return Frames(
        now=now,
        tenants=frame("tenants", tenants),
        series=frame("series", read_series(connection, now)),
        logins=frame("logins", [row[:_LOGIN] for row in logins]),
        addresses=frame("addresses", list(addresses.values())),
        unknown=frame("unknown", unknown),
        entities=read_entities(connection, now),
        faults=frame("faults", faults),
    )


def _failing(logins: Rows) -> dict[str, Any]:
    """The addresses where somebody failed, drills apart: one a line, for an array of texts costs its quoting."""
    keys = {row[:2] for row in logins if row[_FAILED] and not row[_SYNTHETIC]}
    return {"tenants": [tenant for tenant, _ in keys], "ips": "\n".join(ip for _, ip in keys)}


def read_series(connection: Connection, now: datetime) -> Rows:
    """Rows of the frame `series`: the one grouped query over all tenants, types and windows."""
    with cursor_of(connection) as cursor:
        return cursor.execute(sql("tick_series"), _windows(now)).fetchall()


def _windows(now: datetime) -> dict[str, Any]:
    hour = hour_of(now)
    into = (now - hour) / HOUR
    return {
        "now": now,
        "hour": hour,
        "share_60m": into,
        "share_15m": min(1.0, into * 4),
    }


def frame(name: str, rows: Rows) -> pd.DataFrame:
    """Rows as the frame `name`, with the types that spine/detect/frames.py promises, even when it is empty."""
    columns = COLUMNS[name]
    values = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
    return pd.DataFrame({column: _typed(column, given) for column, given in zip(columns, values, strict=True)})


def _typed(column: str, values: tuple[Any, ...]) -> Any:
    if column in _TIMES:
        return pd.DatetimeIndex(np.array(values, dtype=np.int64).view("datetime64[us]")).tz_localize("UTC")
    if column in _TEXTS:
        return pd.Series(values, dtype=object)
    if column in _FLAGS:
        return np.array(values, dtype=bool)
    return np.array(values, dtype=np.float64 if column.startswith(_FLOATS) else np.int64)
