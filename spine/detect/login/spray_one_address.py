"""Spray: one address tries several users a few times each, patiently. Rule (c), first half."""

from datetime import timedelta

from spine.detect.detector import Detector
from spine.detect.example import Attempts, frames
from spine.detect.login.sighting import sighting
from spine.detect.scene import Scene, records
from spine.finding import Finding

NAME = "spray_one_address"
WINDOW = timedelta(minutes=60)


def find(scene: Scene) -> list[Finding]:
    """Addresses without a good past that keep under every per-user limit, in 60 minutes."""
    limit = scene.settings.spray
    if scene.hostile_failures("60m") < limit.min_failures:
        return []
    seen = scene.by_address
    span = seen["last_fail"] - seen["first_fail"]
    hot = seen[
        (seen["users_60m"] >= limit.min_users)
        & (seen["fail_60m"] >= limit.min_failures)
        & (seen["most_60m"] <= limit.max_failures_per_user)
        & (span >= timedelta(minutes=limit.min_span_minutes))
    ]
    found: list[Finding] = []
    for row in records(hot):
        rows = scene.rows_of(row.tenant_id, row.ip)
        share = float(rows["fail_60m"].between(limit.min_tries, limit.max_tries).mean())
        if share < limit.min_share_of_users:
            continue
        found.append(
            sighting(
                scene, NAME, rows, tenant=row.tenant_id, window=WINDOW, n=int(row.fail_60m),
                observed={"failures": row.fail_60m, "users": row.users_60m, "share_of_users": share},
                threshold={"failures": limit.min_failures, "users": limit.min_users,
                           "share_of_users": limit.min_share_of_users},
                margin=min(row.fail_60m / limit.min_failures, row.users_60m / limit.min_users),
            )
        )  # fmt: skip
    return found


DETECTOR = Detector(
    name=NAME,
    find=find,
    firing=lambda: frames(Attempts("192.0.2.7", users=6, each=3, minutes=50)),
    silent=lambda: frames(Attempts("192.0.2.7", users=2, each=9, minutes=50)),  # two people and a bad day
)
