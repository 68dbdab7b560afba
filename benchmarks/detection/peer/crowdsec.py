"""CrowdSec's leaky buckets for brute force, and its rule for impossible travel.

Source: docs.crowdsec.net, "Scenarios" (a bucket overflows when it holds more than `capacity` events; one leaks away
every `leakspeed`; `distinct` pours each value once; `blackhole` keeps an overflown bucket quiet), and these scenarios
of crowdsecurity/hub: ssh-bf, ssh-slow-bf, http-generic-bf (the same numbers as ssh-bf), impossible-travel (two
successes in a row of one user over 1,000 km apart). Of the other types it has no scenario.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd

from benchmarks.detection.geography import CODES, distance_km
from benchmarks.detection.peer.alert import Alert, failures_by_address, records, text


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A leaky bucket per address."""

    name: str
    capacity: int
    leak: timedelta
    """One event leaks away in this time."""
    distinct_users: bool = False
    blackhole: timedelta = timedelta(minutes=1)

    def overflows(self, times: list[pd.Timestamp], users: list[str | None]) -> Iterator[pd.Timestamp]:
        """When it runs over, from the failures of one address in order. It is empty afterwards."""
        level, last, deaf_until = 0.0, times[0], times[0]
        seen = set[str | None]()
        for at, user in zip(times, users, strict=True):
            if at < deaf_until:
                continue
            level = max(0.0, level - (at - last).total_seconds() / self.leak.total_seconds())
            if level == 0:
                seen.clear()  # an empty bucket is thrown away, with what it remembers
            last = at
            if self.distinct_users and user in seen:
                continue
            seen.add(user)
            level += 1
            if level > self.capacity:
                yield at
                level, deaf_until = 0.0, at + self.blackhole


BUCKETS = (
    Bucket(name="ssh-bf", capacity=5, leak=timedelta(seconds=10)),
    Bucket(name="ssh-bf_user-enum", capacity=5, leak=timedelta(seconds=10), distinct_users=True),
    Bucket(name="ssh-slow-bf", capacity=10, leak=timedelta(seconds=60)),
    Bucket(name="ssh-slow-bf_user-enum", capacity=10, leak=timedelta(seconds=60), distinct_users=True),
)
_FAR_KM = 1_000
_FORGOTTEN = timedelta(hours=3)
"""`leakspeed` of impossible-travel: what is older is no longer in the queue."""


def alerts(events: pd.DataFrame) -> list[Alert]:
    """Overflows of every bucket, and impossible travel."""
    events = events.sort_values("occurred_at", kind="stable")
    return [*_brute_force(events), *_travel(events)]


def _brute_force(events: pd.DataFrame) -> Iterator[Alert]:
    least = min(bucket.capacity for bucket in BUCKETS) + 1
    for tenant, address, rows in failures_by_address(events, least):
        times, users = list(rows["occurred_at"]), [text(user) for user in rows["user_id"]]
        for bucket in BUCKETS:
            for at in bucket.overflows(times, users):
                yield Alert(at, "FAILED_LOGINS_SPIKE", tenant, bucket.name, (address,))


def _travel(events: pd.DataFrame) -> Iterator[Alert]:
    known = {code: number for number, code in enumerate(CODES)}
    came_in = events[events["type"].isin(["login_succeeded", "session_created"]) & events["user_id"].notna()]
    place = came_in["country"].astype(object).map(known)
    came_in = came_in.assign(place=place)[place.notna()]
    before = came_in.groupby(["tenant_id", "user_id"], observed=True, sort=False)[["place", "occurred_at"]].shift()
    rows = before["place"].notna() & (came_in["occurred_at"] - before["occurred_at"] < _FORGOTTEN)
    here, there = came_in.loc[rows, "place"].to_numpy(np.int64), before.loc[rows, "place"].to_numpy(np.int64)
    far = came_in[rows][distance_km(here, there) > _FAR_KM]
    for row in records(far):
        yield Alert(row.occurred_at, "SESSION_ANOMALIES", row.tenant_id, "impossible-travel", (row.ip,), row.user_id)
