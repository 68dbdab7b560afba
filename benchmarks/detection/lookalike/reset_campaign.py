"""An operator asks everybody to choose a new password: many resets, no more of them failing than usual."""

from __future__ import annotations

from benchmarks.detection.rhythm import SLOT_SECONDS
from benchmarks.detection.unit import Unit
from benchmarks.detection.world import World

_PER_TENANT_WEEK = 0.03
_FACTOR = (4.0, 15.0)
_SLOTS = (12, 72)


def _shape(world: World) -> None:
    rng, preset = world.random("reset_campaign"), world.preset
    for tenant in world.people:
        for _ in range(rng.poisson(_PER_TENANT_WEEK * preset.lookalike_rate * preset.days / 7)):
            start = int(rng.integers(world.slots))
            stop = min(start + int(rng.integers(*_SLOTS)), world.slots)
            world.resets[tenant.number, start:stop] *= rng.uniform(*_FACTOR)
            world.note("reset_campaign", tenant.number, start * SLOT_SECONDS, stop * SLOT_SECONDS)


UNIT = Unit(name="reset_campaign", about="4 to 15 times the password resets for hours", shape=_shape)
