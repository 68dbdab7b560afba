"""Credential stuffing by a botnet: hundreds of addresses, few tries each, over hours."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.detection.attack import amount, duration, times
from benchmarks.detection.batch import Batch
from benchmarks.detection.incident._guessing import TYPE, guesses
from benchmarks.detection.unit import Unit
from benchmarks.detection.world import World

_EVENTS, _MINUTES, _ADDRESSES = (250, 3_000), (60, 360), (60, 600)


def _emit(world: World) -> Iterator[Batch]:
    rng = world.random("cs_distributed")
    for _ in range(world.preset.count(12)):
        seconds = duration(world, rng, _MINUTES)
        if room := world.schedule.place(rng, (TYPE,), seconds, weights=world.weights(0.35)):
            tenant = world.people[room[0]]
            n = max(20, min(amount(world, rng, _EVENTS), 4 * tenant.size))
            at, users = times(rng, room[1], seconds, n), rng.integers(0, tenant.size, n)
            addresses = int(np.exp(rng.uniform(*np.log(_ADDRESSES))))
            yield from guesses(world, rng, "cs_distributed", tenant, at, users, addresses)


UNIT = Unit(name="cs_distributed", about="credential stuffing from 60 to 600 addresses over hours", emit=_emit)
