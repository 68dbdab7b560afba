"""Distinct users tried from addresses where nobody lives: the detector that sees the slow spray."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from spine.detect.detector import Detector
from spine.detect.example import Attempts, frames
from spine.detect.login.sighting import sighting
from spine.detect.scene import Scene
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
    enough = {w: rows[f"users_{w}"].to_numpy() >= getattr(least, f"min_users_{w}") for w in WINDOWS}
    some = np.logical_or.reduce(list(enough.values()))
    if not some.any():
        return []
    rows = rows[some].merge(scene.tenants[["tenant_id", "mature", "active_users"]], on="tenant_id")
    strange = scene.hostile[~scene.hostile["known"].to_numpy(bool)]
    failing = dict(tuple(strange.groupby("tenant_id", sort=False)))
    found: dict[str, Finding] = {}
    for name in WINDOWS:
        left = rows[~rows["tenant_id"].isin(found)]
        found |= {finding.tenant_id: finding for finding in _in_window(scene, left, name, failing)}
    return list(found.values())


def _in_window(scene: Scene, rows: pd.DataFrame, name: str, failing: Mapping[Any, pd.DataFrame]) -> list[Finding]:
    """`failing`: each tenant's rows of addresses where nobody lives."""
    limit = scene.settings.unknown_users
    least = getattr(limit, f"min_users_{name}")
    users, mean, variance = (rows[f"{what}_{name}"].to_numpy(float) for what in ("users", "mean", "var"))
    mature = rows["mature"].to_numpy(bool) & ~np.isnan(mean)
    need = np.where(
        mature, np.fmax(least, limit.min_ratio * np.fmax(mean, limit.floor_mean)), least * limit.cold_factor
    )
    share = scene.settings.tenant_ratio.min_active_user_share
    many = (users >= need) & (users >= share * rows["active_users"].to_numpy(float))
    found: list[Finding] = []
    for place in np.flatnonzero(many):
        tenant, n, p = str(rows["tenant_id"].iat[int(place)]), int(users[place]), 1.0
        if mature[place]:
            p = float(
                tail_probability(
                    n, mean[place], variance[place],
                    floor_mean=limit.floor_mean, floor_dispersion=limit.floor_dispersion,
                )
            )  # fmt: skip
            if p > limit.max_p_value:
                continue
        mine = failing.get(tenant)
        if mine is None:  # nothing within the hour: the past, which is known
            continue
        found.append(
            sighting(
                scene, NAME, mine, tenant=tenant, window=WINDOWS[name], n=n,
                observed={"users": n, "p_value": float(np.format_float_scientific(p, 3))},
                threshold={"users": float(need[place]), "p_value": limit.max_p_value},
                margin=float(n / need[place]),
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
