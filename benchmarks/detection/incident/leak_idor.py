"""One user counts through identifiers and reaches for the data of many tenants."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.detection.attack import amount, duration, times
from benchmarks.detection.batch import Batch, events
from benchmarks.detection.unit import Unit
from benchmarks.detection.world import World

_TYPE = "TENANT_LEAK_RISK"
_EVENTS, _MINUTES = (6, 60), (10, 60)


def _emit(world: World) -> Iterator[Batch]:
    rng = world.random("leak_idor")
    for _ in range(world.preset.count(16)):
        seconds = duration(world, rng, _MINUTES)
        if room := world.schedule.place(rng, (_TYPE,), seconds, weights=world.weights(0.35)):
            tenant, n = world.people[room[0]], amount(world, rng, _EVENTS)
            at = times(rng, room[1], seconds, n)
            users, foreign = np.full(n, rng.integers(0, tenant.size)), rng.integers(0, len(world.people), n)
            clients = world.clients(tenant, users, at, rng)
            incident = world.open(_TYPE, "leak_idor", tenant.number, at[0], at[-1])
            yield events("tenant_scope_violation", at, tenant.number, users, clients, foreign=foreign,
                         incident=incident.id)  # fmt: skip


UNIT = Unit(name="leak_idor", about="one user reaches for many tenants", emit=_emit)
