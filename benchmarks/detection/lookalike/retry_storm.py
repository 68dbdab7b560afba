"""A forgotten client retries a stale password for hours: many failures, one user, one address."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.detection.batch import Batch, events
from benchmarks.detection.unit import Unit
from benchmarks.detection.world import World

_PER_TENANT_WEEK = 0.5
_FAILURES = (20, 250)
_HOURS = (0.5, 6)


def _emit(world: World) -> Iterator[Batch]:
    preset = world.preset
    for tenant in world.people:
        rng = world.random("retry_storm", tenant.number)
        per_week = _PER_TENANT_WEEK * min(1.0, 0.3 + np.log10(tenant.size) / 5)
        for _ in range(rng.poisson(per_week * preset.lookalike_rate * preset.days / 7)):
            n = int(np.exp(rng.uniform(*np.log(_FAILURES))) * preset.lookalike_size)
            start = rng.uniform(0, world.seconds)
            at = np.sort(start + rng.uniform(0, rng.uniform(*_HOURS) * 3600, n)).astype(np.int64)
            user = tenant.users(rng, 1)
            client = world.clients(tenant, user, at[:1], rng)
            yield events("login_failed", at, tenant.number, np.repeat(user, n), client[np.zeros(n, dtype=int)])
            world.note("retry_storm", tenant.number, at[0], at[-1])


UNIT = Unit(name="retry_storm", about="one user's client fails 20 to 250 times in hours", emit=_emit)
