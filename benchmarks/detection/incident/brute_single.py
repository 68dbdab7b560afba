"""Brute force: one address guesses one user's password."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.detection.attack import amount, duration, times
from benchmarks.detection.batch import Batch
from benchmarks.detection.incident._guessing import TYPE, guesses
from benchmarks.detection.unit import Unit
from benchmarks.detection.world import World

_EVENTS, _MINUTES = (60, 500), (10, 60)


def _emit(world: World) -> Iterator[Batch]:
    rng = world.random("brute_single")
    for _ in range(world.preset.count(10)):
        seconds = duration(world, rng, _MINUTES)
        if room := world.schedule.place(rng, (TYPE,), seconds, weights=world.weights(0.35)):
            tenant, n = world.people[room[0]], amount(world, rng, _EVENTS)
            at, user = times(rng, room[1], seconds, n), rng.integers(0, tenant.size)
            yield from guesses(world, rng, "brute_single", tenant, at, np.full(n, user), 1)


UNIT = Unit(name="brute_single", about="one address against one user", emit=_emit)
