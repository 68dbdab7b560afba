"""Credential stuffing in a burst: thousands of stolen pairs from a handful of addresses within the hour."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.detection.attack import amount, duration, times
from benchmarks.detection.batch import Batch
from benchmarks.detection.incident._guessing import TYPE, guesses
from benchmarks.detection.unit import Unit
from benchmarks.detection.world import World

_EVENTS, _MINUTES, _ADDRESSES = (150, 4_000), (10, 60), (1, 6)


def _emit(world: World) -> Iterator[Batch]:
    rng = world.random("cs_burst")
    for _ in range(world.preset.count(14)):
        seconds = duration(world, rng, _MINUTES)
        if room := world.schedule.place(rng, (TYPE,), seconds, weights=world.weights(0.35)):
            tenant = world.people[room[0]]
            n = max(20, min(amount(world, rng, _EVENTS), 4 * tenant.size))
            at = times(rng, room[1], seconds, n, peak=1.2)
            users = rng.integers(0, tenant.size, n)
            yield from guesses(world, rng, "cs_burst", tenant, at, users, int(rng.integers(*_ADDRESSES)))


UNIT = Unit(name="cs_burst", about="credential stuffing from 1 to 5 addresses within an hour", emit=_emit)
