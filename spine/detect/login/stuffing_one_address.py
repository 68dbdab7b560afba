"""Stuffing: one address tries many users once or twice each. Rule (b)."""

from datetime import timedelta

from spine.detect.detector import Detector
from spine.detect.example import Attempts, frames
from spine.detect.login.sighting import sighting
from spine.detect.scene import Scene, records
from spine.finding import Finding

NAME = "stuffing_one_address"
WINDOW = timedelta(minutes=15)


def find(scene: Scene) -> list[Finding]:
    """Addresses without a good past with many users and hardly a second try, in 15 minutes."""
    limit = scene.settings.stuffing
    if scene.hostile_failures("15m") < limit.min_failures:
        return []
    seen = scene.by_address
    hot = seen[
        (seen["fail_15m"] >= limit.min_failures)
        & (seen["users_15m"] >= limit.min_users)
        & (seen["most_15m"] <= limit.max_failures_per_user)
    ]
    return [
        sighting(
            scene, NAME, scene.rows_of(row.tenant_id, row.ip),
            tenant=row.tenant_id, window=WINDOW, n=int(row.fail_15m),
            observed={"failures": row.fail_15m, "users": row.users_15m, "most_per_user": row.most_15m},
            threshold={"failures": limit.min_failures, "users": limit.min_users,
                       "most_per_user": limit.max_failures_per_user},
            margin=min(row.fail_15m / limit.min_failures, row.users_15m / limit.min_users),
        )
        for row in records(hot)
    ]  # fmt: skip


DETECTOR = Detector(
    name=NAME,
    find=find,
    firing=lambda: frames(Attempts("192.0.2.7", users=30, each=1, minutes=10)),
    silent=lambda: frames(
        Attempts("198.51.100.1", users=30, each=1, minutes=10),
        Attempts("198.51.100.1", users=40, each=1, minutes=10, ok=True),  # an office NAT has successes
    ),
)
