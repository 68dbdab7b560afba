"""A deploy: some minutes of tokens that the new release does not take, at every tenant."""

from __future__ import annotations

from benchmarks.detection.rhythm import SLOT_SECONDS
from benchmarks.detection.truth import EVERYBODY
from benchmarks.detection.unit import Unit
from benchmarks.detection.world import World

_PER_WEEKDAY = 1.2
_HOURS_UTC = (8, 18)
_MINUTES = (5, 15)
_FACTOR = (2.0, 6.0)
"""A rotated signing key does 15 to 120 times."""


def _shape(world: World) -> None:
    rng, preset = world.random("deploy"), world.preset
    for day in (d for d in range(preset.days) if d % 7 < 5):
        for _ in range(rng.poisson(_PER_WEEKDAY * preset.lookalike_rate)):
            start = int((day * 24 + rng.uniform(*_HOURS_UTC)) * 3600 // SLOT_SECONDS)
            stop = start + max(1, round(rng.uniform(*_MINUTES) * 60 / SLOT_SECONDS))
            world.tokens[:, start:stop] *= rng.uniform(*_FACTOR)
            world.note("deploy", EVERYBODY, start * SLOT_SECONDS, stop * SLOT_SECONDS)


UNIT = Unit(name="deploy", about="2 to 6 times the token errors for minutes, everywhere", shape=_shape)
