"""Guessing one user's password from one address."""

from datetime import timedelta

import numpy as np

from spine.detect.detector import Detector
from spine.detect.example import Attempts, frames
from spine.detect.login.sighting import sighting
from spine.detect.scene import Scene, records
from spine.finding import Finding

NAME = "brute_force_one_address"


def find(scene: Scene) -> list[Finding]:
    """Users tried from one address where nobody lives, more often than anybody mistypes.

    A stale service password is one user from one address, too; but people, or that client, got in from it before. Where
    the address is new, as on a mobile network, the user's own device in the user's own country takes far more.
    """
    limit = scene.settings.brute_force
    if scene.hostile_failures("60m") < limit.min_failures_15m:
        return []
    rows = scene.hostile
    rows = rows[~rows["known"].to_numpy(bool)]
    factor = np.where(rows["own_device"].to_numpy(bool), limit.own_device_factor, 1.0)
    rows = rows.assign(need_15m=factor * limit.min_failures_15m, need_60m=factor * limit.min_failures_60m)
    short, long = rows["fail_15m"] / rows["need_15m"], rows["fail_60m"] / rows["need_60m"]
    hot = rows[(short >= 1) | (long >= 1)]
    return [
        sighting(
            scene, NAME, hot.loc[[row.Index]],
            tenant=row.tenant_id, n=int(row.fail_60m),
            window=timedelta(minutes=15 if short[row.Index] >= 1 else 60),
            observed={"failures_15m": row.fail_15m, "failures_60m": row.fail_60m},
            threshold={"failures_15m": row.need_15m, "failures_60m": row.need_60m},
            margin=float(max(short[row.Index], long[row.Index])),
        )
        for row in records(hot)
    ]  # fmt: skip


DETECTOR = Detector(
    name=NAME,
    find=find,
    firing=lambda: frames(Attempts("192.0.2.7", users=1, each=40, minutes=14)),
    silent=lambda: frames(
        Attempts("192.0.2.7", users=1, each=50, minutes=14, past_ok=2),
        Attempts("198.51.100.9", users=1, each=60, minutes=55, first=1, own_device=True),  # a phone on the road
        history_days=28,
    ),
)
