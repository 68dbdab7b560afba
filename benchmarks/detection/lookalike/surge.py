"""A campaign or a television spot: logins, failures and signups all grow for some hours."""

from __future__ import annotations

import numpy as np

from benchmarks.detection.rhythm import SLOT_SECONDS
from benchmarks.detection.unit import Unit
from benchmarks.detection.world import World

_PER_TENANT_WEEK = 0.12
_FACTOR = (2.0, 6.0)
_HOURS = (2, 8)
_RAMP_SLOTS = 6


def _shape(world: World) -> None:
    rng, preset = world.random("surge"), world.preset
    for tenant in world.people:
        for _ in range(rng.poisson(_PER_TENANT_WEEK * preset.lookalike_rate * preset.days / 7)):
            start, length = int(rng.integers(world.slots)), int(rng.uniform(*_HOURS) * 12)
            peak = np.exp(rng.uniform(*np.log(_FACTOR))) * preset.lookalike_size
            ramp = 1 + (peak - 1) * np.minimum(np.arange(length) / _RAMP_SLOTS, 1)
            stop = min(start + length, world.slots)
            for rates in (world.logins, world.signups):
                rates[tenant.number, start:stop] *= ramp[: stop - start]
            world.note("surge", tenant.number, start * SLOT_SECONDS, stop * SLOT_SECONDS)


UNIT = Unit(name="surge", about="logins, failures and signups grow 2 to 6 times for hours", shape=_shape)
