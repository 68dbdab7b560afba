"""A patient spray: one try per user, a few an hour, for half a day to two days. No total shows it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.detection.attack import amount, duration, times
from benchmarks.detection.batch import Batch
from benchmarks.detection.incident._guessing import TYPE, guesses
from benchmarks.detection.unit import Unit
from benchmarks.detection.world import World

_EVENTS, _MINUTES, _ADDRESSES = (150, 900), (720, 2_880), (3, 40)


def _emit(world: World) -> Iterator[Batch]:
    rng = world.random("spray_slow")
    for _ in range(world.preset.count(12)):
        seconds = duration(world, rng, _MINUTES)
        if room := world.schedule.place(rng, (TYPE,), seconds, weights=world.weights(0.35)):
            tenant = world.people[room[0]]
            n = max(20, min(amount(world, rng, _EVENTS), 4 * tenant.size))
            at, users = times(rng, room[1], seconds, n), np.resize(rng.permutation(tenant.size), n)
            addresses = int(np.exp(rng.uniform(*np.log(_ADDRESSES))))
            yield from guesses(world, rng, "spray_slow", tenant, at, users, addresses)


UNIT = Unit(name="spray_slow", about="one try per user, for 12 to 48 hours", emit=_emit)
