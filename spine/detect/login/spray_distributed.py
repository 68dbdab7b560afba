"""Spray from many addresses, none of which does much. Rule (c), second half."""

from datetime import timedelta

import pandas as pd

from spine.detect.detector import Detector
from spine.detect.example import Attempts, frames
from spine.detect.login.sighting import sighting
from spine.detect.scene import Scene, records
from spine.finding import Finding

NAME = "spray_distributed"
WINDOW = timedelta(minutes=15)


def find(scene: Scene) -> list[Finding]:
    """Tenants that fail from many addresses without a good past at once, in 15 minutes."""
    limit = scene.settings.spray
    if scene.hostile_failures("15m") < limit.distributed_min_failures:
        return []
    rows = _failing(scene.hostile)
    seen = _per_tenant(rows).merge(scene.frames.unknown[["tenant_id", "mean_15m"]], on="tenant_id", how="left")
    least = (limit.distributed_min_baseline_factor * seen["mean_15m"]).fillna(0).clip(lower=limit.distributed_min_users)
    hot = seen[
        (seen["addresses"] >= limit.distributed_min_addresses)
        & (seen["users"] >= least)
        & (seen["failures"] >= limit.distributed_min_failures)
        & (seen["most"] <= limit.distributed_max_failures_per_user)
    ]
    return [
        sighting(
            scene, NAME, _failing(scene.hostile_of(row.tenant_id)),
            tenant=row.tenant_id, window=WINDOW, n=int(row.failures),
            observed={"failures": row.failures, "users": row.users, "addresses": row.addresses},
            threshold={"failures": limit.distributed_min_failures, "users": float(least[row.Index]),
                       "addresses": limit.distributed_min_addresses},
            margin=min(row.failures / limit.distributed_min_failures, row.users / float(least[row.Index]),
                       row.addresses / limit.distributed_min_addresses),
        )
        for row in records(hot)
    ]  # fmt: skip


def _failing(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["fail_15m"] > 0]


def _per_tenant(rows: pd.DataFrame) -> pd.DataFrame:
    per_user = rows.groupby(["tenant_id", "user_id"], sort=False, as_index=False).agg(fail=("fail_15m", "sum"))
    users = per_user.groupby("tenant_id", sort=False).agg(users=("fail", "size"), most=("fail", "max"))
    total = rows.groupby("tenant_id", sort=False).agg(failures=("fail_15m", "sum"), addresses=("ip", "nunique"))
    return total.join(users).reset_index()


DETECTOR = Detector(
    name=NAME,
    find=find,
    firing=lambda: frames(*(Attempts(f"192.0.2.{i}", users=3, each=1, minutes=14, first=3 * i) for i in range(10))),
    silent=lambda: frames(
        *(Attempts(f"192.0.2.{i}", users=3, each=1, minutes=14, first=3 * i, past_ok=50) for i in range(10))
    ),
)
