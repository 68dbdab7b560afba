"""Distinct users tried from addresses where nobody lives: the detector that sees the slow spray."""

from datetime import timedelta

import numpy as np
import pandas as pd

from spine.detect.detector import Detector
from spine.detect.example import Attempts, frames
from spine.detect.login.sighting import sighting
from spine.detect.scene import Scene, records
from spine.detect.tail import tail_probability
from spine.finding import Finding

NAME = "unknown_address_users"
WINDOWS = {
    "15m": timedelta(minutes=15),
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(hours=24),
}


def find(scene: Scene) -> list[Finding]:
    """Tenants where that number lies in the far tail of a negative binomial of their own history.

    One finding per tenant, of the shortest such window: it tells the newest news.
    Source: DETECTION; of all count statistics tried this alone found every slow spray.
    """
    least = scene.settings.unknown_users
    rows = scene.frames.unknown
    rows = rows[
        np.logical_or.reduce([rows[f"users_{w}"].to_numpy() >= getattr(least, f"min_users_{w}") for w in WINDOWS])
    ]
    if rows.empty:
        return []
    rows = rows.merge(scene.tenants[["tenant_id", "mature", "active_users"]], on="tenant_id")
    found = [finding for name in reversed(WINDOWS) for finding in _in_window(scene, rows, name)]
    return list({finding.tenant_id: finding for finding in found}.values())


def _in_window(scene: Scene, rows: pd.DataFrame, name: str) -> list[Finding]:
    limit = scene.settings.unknown_users
    least = getattr(limit, f"min_users_{name}")
    users, mean = rows[f"users_{name}"], rows[f"mean_{name}"]
    mature = rows["mature"] & mean.notna()
    p = tail_probability(
        users, mean.fillna(0), rows[f"var_{name}"].fillna(0),
        floor_mean=limit.floor_mean, floor_dispersion=limit.floor_dispersion,
    )  # fmt: skip
    usual = mean.clip(lower=limit.floor_mean)
    warm = mature & (users >= least) & (users >= limit.min_ratio * usual) & (p <= limit.max_p_value)
    cold = ~mature & (users >= least * limit.cold_factor)
    share = scene.settings.tenant_ratio.min_active_user_share
    hot = rows[(warm | cold) & (users >= share * rows["active_users"])]
    found: list[Finding] = []
    for row in records(hot):
        n, warmed = int(users[row.Index]), bool(mature[row.Index])
        need = max(least, limit.min_ratio * usual[row.Index]) if warmed else least * limit.cold_factor
        mine = scene.hostile[(scene.hostile["tenant_id"] == row.tenant_id) & ~scene.hostile["known"]]
        if mine.empty:  # nothing within the hour: the past, which is known
            continue
        found.append(
            sighting(
                scene, NAME, mine, tenant=row.tenant_id, window=WINDOWS[name], n=n,
                observed={"users": n, "p_value": float(np.format_float_scientific(p[row.Index], 3)) if warmed else 1.0},
                threshold={"users": float(need), "p_value": limit.max_p_value},
                margin=float(n / need),
            )
        )  # fmt: skip
    return found


DETECTOR = Detector(
    name=NAME,
    find=find,
    firing=lambda: frames(
        *(Attempts(f"192.0.2.{i}", users=1, each=1, minutes=50, first=i) for i in range(20)), history_days=28
    ),
    silent=lambda: frames(
        *(Attempts(f"192.0.2.{i}", users=1, each=1, minutes=50, first=i) for i in range(20)), history_days=28, usual=15
    ),
)
