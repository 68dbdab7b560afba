"""Frames from one tenant's recorded logins, in memory: what `store.frames` reads from rollups, counted here.

For the library, which has no database: there is no history but what the caller knows, so only floors apply.
"""

from collections.abc import Collection
from datetime import datetime

import pandas as pd

from spine.bucket import Bucket, BucketSize
from spine.detect.frames import COLUMNS, Frames
from spine.detect.trust import known_good
from spine.event import EventType
from spine.ids import TenantId
from spine.settings.detect import DetectSettings

_SUCCEEDED, _FAILED = EventType.LOGIN_SUCCEEDED.value, EventType.LOGIN_FAILED.value
_MINUTES = {"5m": 5, "15m": 15, "30m": 30, "60m": 60}
_UNKNOWN = {"15m": 15, "1h": 60, "6h": 360, "24h": 1440}
_PAST = 1_000
"""Earlier successes an address is given that the caller knows as good: enough not to count as overrun."""
_NAN = float("nan")


def recorded(
    logins: pd.DataFrame, *, tenant: TenantId, now: datetime, known_addresses: Collection[str], settings: DetectSettings
) -> Frames:
    """Frames of `logins` (columns type, occurred_at, user_id, ip, country, user_agent) at `now`."""
    rows = logins[logins["type"].isin((_SUCCEEDED, _FAILED))].dropna(subset=["ip", "user_id"])
    at = pd.to_datetime(rows["occurred_at"], utc=True)
    rows = rows.assign(
        tenant_id=str(tenant), at=at, ok=rows["type"] == _SUCCEEDED, age=(now - at).dt.total_seconds() / 60
    )
    rows = rows.sort_values("at", kind="stable")
    failing = (~rows["ok"]).groupby(rows["ip"]).transform("any").astype(bool)
    calm = rows.loc[~failing & (rows["age"] < _MINUTES["15m"]), "user_id"].nunique()
    addresses = _addresses(rows[failing], set(known_addresses), settings)
    tenants = {
        "tenant_id": [str(tenant)], "watermark": [pd.Timestamp(now)], "history_days": [0.0],
        "active_users": [rows.loc[rows["ok"], "user_id"].nunique()], "calm_users_15m": [calm],
    }  # fmt: skip
    return Frames(
        now=now,
        tenants=pd.DataFrame(tenants),
        series=_series(rows),
        logins=_logins(rows[failing]),
        addresses=addresses,
        unknown=_unknown(rows, set(addresses.loc[addresses["known"], "ip"])),
        faults=pd.DataFrame(columns=list(COLUMNS["faults"])),
    )


def _logins(rows: pd.DataFrame) -> pd.DataFrame:
    counted = rows.assign(
        **{f"fail_{name}": ~rows["ok"] & (rows["age"] < m) for name, m in _MINUTES.items()},
        ok_15m=rows["ok"] & (rows["age"] < 15),
        ok_60m=rows["ok"] & (rows["age"] < 60),
        failed_at=rows["at"].where(~rows["ok"]),
        worked_at=rows["at"].where(rows["ok"]),
    )
    sums = {name: (name, "sum") for name in (*(f"fail_{n}" for n in _MINUTES), "ok_15m", "ok_60m")}
    frame = counted.groupby(["tenant_id", "ip", "user_id"], sort=False, as_index=False).agg(
        **sums,
        first_fail=("failed_at", "min"),
        last_fail=("failed_at", "max"),
        first_ok=("worked_at", "min"),
        last_ok=("worked_at", "max"),
        country=("country", "first"),
        user_agents=("user_agent", "nunique"),
        user_agent=("user_agent", "first"),
    )
    at_home = frame["first_ok"] < frame["first_fail"]
    return frame.assign(asn=None, synthetic=False, drill_id=None, at_home=at_home, own_device=False)[
        list(COLUMNS["logins"])
    ]


def _series(rows: pd.DataFrame) -> pd.DataFrame:
    windows = {"n_5m": 5, "n_15m": 15, "n_60m": 60}
    counted = rows.assign(**{name: rows["age"] < m for name, m in windows.items()})
    frame = counted.groupby(["tenant_id", "type"], as_index=False)[list(windows)].sum()
    return frame.assign(base_15m=_NAN, base_60m=_NAN)[list(COLUMNS["series"])]


def _addresses(rows: pd.DataFrame, known: set[str], settings: DetectSettings) -> pd.DataFrame:
    size = BucketSize(capacity=settings.bucket.capacity_failures, leak_seconds=settings.bucket.leak_seconds)
    found = []
    for (tenant, ip), mine in rows.groupby(["tenant_id", "ip"], sort=False)[["at", "ok", "user_id"]]:
        failed = mine.loc[~mine["ok"], "at"]
        good = int(mine["ok"].sum()) + (_PAST if ip in known else 0)
        known_now = ip in known or known_good(
            tried=mine["user_id"].nunique(),
            entered=mine.loc[mine["ok"], "user_id"].nunique(),
            early=int((~mine["ok"].cummax()).sum()),
        )
        bucket = Bucket()
        bucket.pour([t.to_pydatetime() for t in failed], size)
        found.append(
            (tenant, ip, known_now, mine["at"].iloc[0], len(failed), good, bucket.level,
             bucket.overflowed_at, bucket.run_n, bucket.run_first)
        )  # fmt: skip
    frame = pd.DataFrame(found, columns=list(COLUMNS["addresses"]))
    times = ("first_seen", "overflowed_at", "overflow_first")
    return frame.assign(**{name: pd.to_datetime(frame[name], utc=True) for name in times})


def _unknown(rows: pd.DataFrame, good: set[str]) -> pd.DataFrame:
    who = [rows["ip"], rows["user_id"]]
    first_ok, first_fail = (rows["at"].where(rows["ok"] == ok).groupby(who).transform("min") for ok in (True, False))
    strangers = rows[~rows["ok"] & ~rows["ip"].isin(good) & ~(first_ok < first_fail)]
    if strangers.empty:
        return pd.DataFrame(columns=list(COLUMNS["unknown"]))
    counts = {f"users_{name}": strangers.loc[strangers["age"] < m, "user_id"].nunique() for name, m in _UNKNOWN.items()}
    for name in ("1h", "24h"):
        recent = strangers[strangers["age"] < _UNKNOWN[name]]
        counts |= {f"addresses_{name}": recent["ip"].nunique(), f"failures_{name}": len(recent)}
    history = {f"{what}_{name}": _NAN for what in ("mean", "var") for name in _UNKNOWN}
    row = {"tenant_id": strangers["tenant_id"].iloc[0], **counts, **history}
    return pd.DataFrame([row], columns=list(COLUMNS["unknown"]))
