"""A tenant's failures and their share of all logins, both far over its baseline. Rule (a)."""

from datetime import timedelta
from typing import Any

import pandas as pd

from spine.detect.detector import Detector
from spine.detect.example import Attempts, frames
from spine.detect.login.sighting import sighting
from spine.detect.scene import Scene, records
from spine.detect.tail import wilson_lower
from spine.finding import Finding

NAME = "tenant_failure_ratio"
WINDOW = timedelta(minutes=15)


def find(scene: Scene) -> list[Finding]:
    """Tenants whose failures grew without their successes growing along, in 15 minutes."""
    limit = scene.settings.tenant_ratio
    failed = scene.frames.series
    failed = failed[(failed["type"] == "login_failed") & (failed["n_15m"] >= limit.min_failures)]
    if failed.empty:
        return []
    seen = _totals(scene, failed)
    least = (limit.min_baseline_factor * seen["base_fail"]).fillna(0).clip(lower=limit.min_failures)
    usual = (seen["base_fail"] / (seen["base_fail"] + seen["base_ok"])).fillna(0)
    ratio = wilson_lower(seen["fail"], seen["fail"] + seen["ok"])
    need = (limit.min_ratio_baseline_factor * usual).clip(lower=limit.min_ratio, upper=1)
    users = (limit.min_active_user_share * seen["active_users"]).clip(lower=limit.min_users)
    hot = seen[(seen["fail"] >= least) & (ratio >= need) & (seen["users"] >= users)]
    return [_sighting(scene, row, least[row.Index], ratio[row.Index], need[row.Index], users[row.Index])
            for row in records(hot)]  # fmt: skip


def _sighting(scene: Scene, row: Any, least: float, ratio: float, need: float, users: float) -> Finding:
    """Names addresses without a good past; the failures that count may come from others as well."""
    logins, hostile = scene.logins_of(row.tenant_id), scene.hostile_of(row.tenant_id)
    failing = logins[logins["fail_15m"] > 0]
    return sighting(
        scene, NAME, hostile[hostile["fail_15m"] > 0],
        tenant=row.tenant_id, window=WINDOW, n=int(row.fail + row.ok),
        observed={"failures": row.fail, "ratio_lower_bound": float(ratio), "users": row.users},
        threshold={"failures": float(least), "ratio_lower_bound": float(need), "users": float(users)},
        margin=float(min(row.fail / least, ratio / need, row.users / users)),
        first_event_at=failing["first_fail"].min(), last_event_at=failing["last_fail"].max(),
    )  # fmt: skip


def _totals(scene: Scene, failed: pd.DataFrame) -> pd.DataFrame:
    series = scene.frames.series
    columns = {"n_15m": "ok", "base_15m": "base_ok"}
    failed = failed[["tenant_id", "n_15m", "base_15m"]]
    worked = series.loc[series["type"] == "login_succeeded", ["tenant_id", "n_15m", "base_15m"]]
    logins = scene.frames.logins
    rows = logins[(logins["fail_15m"] > 0) & logins["tenant_id"].isin(failed["tenant_id"])]
    users = rows.groupby("tenant_id")["user_id"].nunique().rename("users").reset_index()
    total = failed.rename(columns={"n_15m": "fail", "base_15m": "base_fail"}).merge(
        worked.rename(columns=columns), on="tenant_id", how="left"
    )
    total["ok"] = total["ok"].fillna(0)
    seen = total.merge(users, on="tenant_id").merge(scene.tenants, on="tenant_id")
    return seen.assign(base_fail=seen["base_fail"].where(seen["mature"]))


DETECTOR = Detector(
    name=NAME,
    find=find,
    firing=lambda: frames(Attempts("192.0.2.7", users=20, each=3, minutes=12)),
    silent=lambda: frames(  # proportional growth: a surge of failures and of successes
        Attempts("192.0.2.7", users=20, each=3, minutes=12, past_ok=100),
        Attempts("192.0.2.8", users=200, each=1, minutes=12, ok=True),
    ),
)
