"""A bug shows one tenant's users the data of one other tenant."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.detection.attack import amount, duration, times
from benchmarks.detection.batch import Batch, events
from benchmarks.detection.unit import Unit
from benchmarks.detection.world import World

_TYPE = "TENANT_LEAK_RISK"
_EVENTS, _MINUTES = (5, 80), (60, 360)


def _emit(world: World) -> Iterator[Batch]:
    rng = world.random("leak_bug")
    for _ in range(world.preset.count(16)):
        seconds = duration(world, rng, _MINUTES)
        if room := world.schedule.place(rng, (_TYPE,), seconds, weights=world.weights(0.35)):
            tenant, n = world.people[room[0]], amount(world, rng, _EVENTS)
            at = times(rng, room[1], seconds, n)
            users, foreign = rng.integers(0, tenant.size, n), np.full(n, rng.integers(0, len(world.people)))
            clients = world.clients(tenant, users, at, rng)
            incident = world.open(_TYPE, "leak_bug", tenant.number, at[0], at[-1])
            yield events("tenant_scope_violation", at, tenant.number, users, clients, foreign=foreign,
                         incident=incident.id)  # fmt: skip


UNIT = Unit(name="leak_bug", about="many users run into one other tenant", emit=_emit)
