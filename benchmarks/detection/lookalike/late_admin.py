"""An administrator is called at night: an odd hour alone means nothing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.detection.batch import Batch, events
from benchmarks.detection.unit import Unit
from benchmarks.detection.world import World

_PER_ADMIN_WEEK = 0.1
_HOURS = (22, 30)


def _emit(world: World) -> Iterator[Batch]:
    preset = world.preset
    for tenant in world.people:
        rng = world.random("late_admin", tenant.number)
        n = rng.poisson(_PER_ADMIN_WEEK * preset.lookalike_rate * preset.days / 7 * len(tenant.admins))
        hour = rng.integers(0, preset.days, n) * 24 + rng.uniform(*_HOURS, n) - tenant.hours_ahead
        at, users = (hour * 3600).astype(np.int64), rng.choice(tenant.admins, n)
        clients = world.clients(tenant, users, at, rng)
        here = ~clients.absent
        yield events("admin_login", at[here], tenant.number, users[here], clients[here])
        for start in at[here]:
            world.note("late_admin", tenant.number, start, start)


UNIT = Unit(name="late_admin", about="administrators log in at night", emit=_emit)
