"""A signing key is rotated too early: tokens of every tenant stop to validate."""

from __future__ import annotations

import numpy as np

from benchmarks.detection.unit import Unit
from benchmarks.detection.world import Fault, World

_TYPE = "JWT_VALIDATION_ERRORS"
_FACTOR, _MINUTES = (15, 120), (10, 60)


def _shape(world: World) -> None:
    rng = world.random("jwt_rotation")
    for _ in range(world.preset.count(8)):
        seconds = rng.uniform(*_MINUTES) * 60
        if room := world.schedule.place(rng, (_TYPE,), seconds):
            tenant, start = room
            factor = float(np.exp(rng.uniform(*np.log(_FACTOR)))) * world.preset.fault_strength
            everybody = world.everybody()
            incident = world.open(_TYPE, "jwt_rotation", tenant, start, start + seconds, affected=sorted(everybody))
            world.faults.append(Fault("token", start, start + seconds, factor, incident.id, everybody))


UNIT = Unit(name="jwt_rotation", about="15 to 120 times the token errors, everywhere", shape=_shape, order=10)
