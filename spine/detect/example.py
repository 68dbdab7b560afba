"""Small frames built from a few words: for the examples of detectors, and for tests.

What is counted here is the definition of the frames; `store.frames` must count the same from the database.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pandas as pd

from spine.detect.frames import COLUMNS, Frames
from spine.detect.trust import known_good

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
WINDOWS = {"5m": 5, "15m": 15, "30m": 30, "60m": 60}


@dataclass(frozen=True, slots=True)
class Attempts:
    """Logins from one address: each of `users` tries `each` times, spread evenly over the last `minutes`."""

    address: str
    users: int
    each: int
    minutes: float
    ok: bool = False
    first: int = 0
    """Number of the first user, so that addresses may try different ones."""
    past_ok: int = 0
    """Earlier successes from this address, of as many other users."""
    country: str | None = None
    tenant: str = "t1"
    own_device: bool = False
    """With the device that its users use."""
    drill_id: str | None = None

    def rows(self, now: datetime) -> list[dict[str, object]]:
        """One row per login."""
        total = self.users * self.each
        gap = timedelta(minutes=self.minutes) / max(total - 1, 1)
        return [
            {
                "tenant_id": self.tenant, "ip": self.address, "user_id": f"u{self.first + k % self.users}",
                "at": now - gap * k, "ok": self.ok, "country": self.country, "past_ok": self.past_ok,
                "own_device": self.own_device, "drill_id": self.drill_id,
            }
            for k in range(total)
        ]  # fmt: skip


def frames(
    *attempts: Attempts, now: datetime = NOW, history_days: float = 0, usual: float = 0, active_users: int = 100
) -> Frames:
    """Frames of these attempts. `usual` is the tenant's mean of users from unknown addresses, in every window."""
    raw = pd.DataFrame([row for a in attempts for row in a.rows(now)])
    raw["age"] = (now - raw["at"]).dt.total_seconds() / 60
    failing = raw[_failing(raw)]
    logins = _logins(failing)
    real, addresses = raw[raw["drill_id"].isna()], _addresses(failing)
    return Frames(
        now=now,
        tenants=pd.DataFrame(
            {
                "tenant_id": sorted(raw["tenant_id"].unique()),
                "watermark": pd.Timestamp(now),
                "history_days": float(history_days),
                "active_users": active_users,
                "calm_users_15m": _calm_users(raw),
            }
        ),
        series=_series(real),
        logins=logins,
        addresses=addresses,
        unknown=_unknown(real, addresses, usual if history_days >= 7 else float("nan")),
        faults=pd.DataFrame(columns=list(COLUMNS["faults"])),
    )


def _failing(raw: pd.DataFrame) -> "pd.Series[bool]":
    """Rows of addresses that failed."""
    return (~raw["ok"]).groupby([raw["tenant_id"], raw["ip"]]).transform("any")


def _calm_users(raw: pd.DataFrame) -> list[int]:
    users = raw["user_id"].where((raw["age"] < 15) & ~_failing(raw) & raw["drill_id"].isna())
    return users.groupby(raw["tenant_id"]).nunique().tolist()


def _logins(raw: pd.DataFrame) -> pd.DataFrame:
    found = []
    for (tenant, ip, user), rows in raw.groupby(["tenant_id", "ip", "user_id"], sort=False):
        failed, worked = rows[~rows["ok"]], rows[rows["ok"]]
        found.append(
            {
                "tenant_id": tenant, "ip": ip, "user_id": user,
                **{f"fail_{name}": int((failed["age"] < m).sum()) for name, m in WINDOWS.items()},
                "ok_15m": int((worked["age"] < 15).sum()), "ok_60m": int((worked["age"] < 60).sum()),
                "first_fail": failed["at"].min(), "last_fail": failed["at"].max(), "last_ok": worked["at"].max(),
                "country": rows["country"].iloc[0], "asn": None, "user_agents": 1, "user_agent": "ua",
                "synthetic": rows["drill_id"].notna().any(), "drill_id": rows["drill_id"].iloc[0],
                "at_home": bool(worked["at"].min() < failed["at"].min()),
                "own_device": bool(rows["own_device"].any()),
            }
        )  # fmt: skip
    times = ["first_fail", "last_fail", "last_ok"]
    frame = pd.DataFrame(found, columns=list(COLUMNS["logins"]))
    return frame.assign(**{name: pd.to_datetime(frame[name], utc=True) for name in times})


def _at_home(raw: pd.DataFrame) -> "pd.Series[bool]":
    """Rows of users who got in from the address before they first failed there."""
    who = [raw["tenant_id"], raw["ip"], raw["user_id"]]
    first = {ok: raw["at"].where(raw["ok"] == ok).groupby(who).transform("min") for ok in (True, False)}
    return first[True] < first[False]


def _series(raw: pd.DataFrame) -> pd.DataFrame:
    kinds = raw["ok"].map({True: "login_succeeded", False: "login_failed"})
    found = [
        {
            "tenant_id": tenant, "type": kind,
            **{f"n_{name}": int((rows["age"] < m).sum()) for name, m in {"5m": 5, "15m": 15, "60m": 60}.items()},
            "base_15m": float("nan"), "base_60m": float("nan"),
        }
        for (tenant, kind), rows in raw.groupby(["tenant_id", kinds])
    ]  # fmt: skip
    return pd.DataFrame(found, columns=list(COLUMNS["series"]))


def _addresses(raw: pd.DataFrame) -> pd.DataFrame:
    found = []
    for (tenant, ip), rows in raw.groupby(["tenant_id", "ip"], sort=False):
        failed = rows.loc[~rows["ok"], "at"].sort_values()
        good = int(rows["ok"].sum()) + int(rows["past_ok"].max())
        worked, strangers = rows[rows["ok"]], int(rows["past_ok"].max())
        known = known_good(
            tried=rows["user_id"].nunique() + strangers,
            entered=worked["user_id"].nunique() + strangers,
            early=0 if strangers else int((failed < worked["at"].min()).sum() if len(worked) else len(failed)),
        )
        full = len(failed) >= 5
        found.append(
            {
                "tenant_id": tenant, "ip": ip, "known": known, "first_seen": rows["at"].min(),
                "failures": len(failed), "successes": good, "bucket_level": float(len(failed)),
                "overflowed_at": failed.iloc[4] if full else pd.NaT,
                "overflow_n": len(failed), "overflow_first": failed.iloc[0] if full else pd.NaT,
            }
        )  # fmt: skip
    frame = pd.DataFrame(found, columns=list(COLUMNS["addresses"]))
    return frame.assign(
        overflowed_at=pd.to_datetime(frame["overflowed_at"], utc=True),
        overflow_first=pd.to_datetime(frame["overflow_first"], utc=True),
    )


def _unknown(raw: pd.DataFrame, addresses: pd.DataFrame, usual: float) -> pd.DataFrame:
    good = set(addresses.loc[addresses["known"], "ip"])
    found = []
    for tenant, rows in raw[~raw["ok"] & ~raw["ip"].isin(good) & ~_at_home(raw)].groupby("tenant_id"):
        ages = {"15m": 15, "1h": 60, "6h": 360, "24h": 1440}
        found.append(
            {
                "tenant_id": tenant,
                **{f"users_{name}": rows.loc[rows["age"] < m, "user_id"].nunique() for name, m in ages.items()},
                "addresses_1h": rows["ip"].nunique(), "addresses_24h": rows["ip"].nunique(),
                "failures_1h": len(rows), "failures_24h": len(rows),
                **{f"{what}_{name}": usual for what in ("mean", "var") for name in ages},
            }
        )  # fmt: skip
    return pd.DataFrame(found, columns=list(COLUMNS["unknown"]))
