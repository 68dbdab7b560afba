"""Somebody changes a redirect address or a secret: one provider's callbacks fail at one tenant."""

from __future__ import annotations

import numpy as np

from benchmarks.detection.unit import Unit
from benchmarks.detection.world import Fault, World

_TYPE = "OAUTH_CALLBACK_ERRORS"
_SHARE, _MINUTES, _LOCAL_HOURS = (0.6, 1.0), (30, 240), (8.0, 19.0)
_MAIN = 0.7
"""Chance that it is the tenant's main provider."""


def _shape(world: World) -> None:
    rng = world.random("oauth_misconfig")
    for _ in range(world.preset.count(18)):
        seconds = rng.uniform(*_MINUTES) * 60
        room = world.schedule.place(rng, (_TYPE,), seconds, weights=world.weights(0.6), local_hours=_LOCAL_HOURS)
        if not room:
            continue
        tenant, start = room
        main, other = 1 + int(np.argmax(world.people[tenant].provider_mix)), int(rng.integers(1, 5))
        provider = main if rng.random() < _MAIN else other
        strength = rng.uniform(*_SHARE) * world.preset.fault_strength
        incident = world.open(_TYPE, "oauth_misconfig", tenant, start, start + seconds)
        world.faults.append(
            Fault("oauth", start, start + seconds, strength, incident.id, frozenset({tenant}), provider=provider)
        )


UNIT = Unit(name="oauth_misconfig", about="one provider's callbacks fail at one tenant", shape=_shape, order=20)
