"""An identity provider has trouble: a part of its callbacks fails, at every tenant."""

from __future__ import annotations

from benchmarks.detection.unit import Unit
from benchmarks.detection.world import Fault, World

_TYPE = "OAUTH_CALLBACK_ERRORS"
_SHARE, _MINUTES = (0.08, 0.4), (20, 120)
_WHICH = (0.4, 0.35, 0.15, 0.1)
"""Chances of the providers: the large ones are in the news."""


def _shape(world: World) -> None:
    rng = world.random("oauth_partial")
    for _ in range(world.preset.count(8)):
        seconds = rng.uniform(*_MINUTES) * 60
        if room := world.schedule.place(rng, (_TYPE,), seconds):
            tenant, start = room
            provider = 1 + int(rng.choice(len(_WHICH), p=_WHICH))
            strength = rng.uniform(*_SHARE) * world.preset.fault_strength
            everybody = world.everybody()
            incident = world.open(_TYPE, "oauth_partial", tenant, start, start + seconds, affected=sorted(everybody))
            world.faults.append(
                Fault("oauth", start, start + seconds, strength, incident.id, everybody, provider=provider)
            )


UNIT = Unit(name="oauth_partial", about="8 to 40 % of one provider's callbacks fail everywhere", shape=_shape, order=10)
