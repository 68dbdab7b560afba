"""The leaky bucket of an address ran over: an answer within seconds, from what ingest keeps per address."""

from datetime import timedelta
from typing import Any

from spine.detect.detector import Detector
from spine.detect.example import Attempts, frames
from spine.detect.login.sighting import sighting
from spine.detect.scene import Scene, records
from spine.finding import Finding

NAME = "address_bucket"
WINDOW = timedelta(minutes=60)


def find(scene: Scene) -> list[Finding]:
    """Overflows of addresses without a good past: by breadth, by speed, or by floor.

    Several users, or tries faster than anybody types, are an attack at once (margin ≥ 1). A slow overflow by one
    user is one only in a tenant without history, where the floor is all there is; elsewhere it supports an
    incident that is open already (margin < 1), and opens none: people do mistype five times.
    A client that retries a stale password at machine speed does so from an address where somebody lives.
    """
    past = scene.frames.addresses
    over = past[past["overflowed_at"] > scene.frames.now - WINDOW]
    if over.empty or scene.hostile.empty:
        return []
    seen = scene.by_address.merge(over, on=["tenant_id", "ip"])
    mature = set(scene.tenants.loc[scene.tenants["mature"], "tenant_id"])
    limit = scene.settings.bucket
    found: list[Finding] = []
    for row in records(seen):
        rows = scene.rows_of(row.tenant_id, row.ip)
        pace = _pace(row)
        breadth, speed = row.users_60m / limit.min_users, limit.machine_seconds / max(pace, 0.1)
        floor = 0.0 if row.tenant_id in mature else row.overflow_n / (limit.capacity_failures + 1)
        found.append(
            sighting(
                scene, NAME, rows, tenant=row.tenant_id, window=WINDOW, n=int(row.overflow_n),
                observed={"failures": row.overflow_n, "users": row.users_60m, "seconds_per_try": pace},
                threshold={"failures": limit.capacity_failures + 1, "users": limit.min_users,
                           "seconds_per_try": limit.machine_seconds},
                margin=float(max(breadth, speed, floor)),
                first_event_at=row.overflow_first, window_end=max(row.overflowed_at, row.last_fail),
            )
        )  # fmt: skip
    return found


def _pace(row: Any) -> float:
    """Mean seconds between the failures since the bucket was last empty."""
    return float((row.last_fail - row.overflow_first).total_seconds() / max(row.overflow_n - 1, 1))


DETECTOR = Detector(
    name=NAME,
    find=find,
    firing=lambda: frames(Attempts("192.0.2.7", users=1, each=6, minutes=0.2), history_days=20),
    silent=lambda: frames(Attempts("192.0.2.7", users=1, each=4, minutes=0.2), history_days=20),
)
