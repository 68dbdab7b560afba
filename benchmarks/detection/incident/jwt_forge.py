"""Forged tokens: a few addresses try many subjects with tokens that no key of ours has signed."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.detection.attack import amount, duration, strangers, times
from benchmarks.detection.batch import Batch, events
from benchmarks.detection.unit import Unit
from benchmarks.detection.world import World

_TYPE = "JWT_VALIDATION_ERRORS"
_EVENTS, _MINUTES = (25, 250), (10, 60)


def _emit(world: World) -> Iterator[Batch]:
    rng = world.random("jwt_forge")
    for _ in range(world.preset.count(16)):
        seconds = duration(world, rng, _MINUTES)
        if room := world.schedule.place(rng, (_TYPE,), seconds, weights=world.weights(0.35)):
            tenant, n = world.people[room[0]], amount(world, rng, _EVENTS)
            at, users = times(rng, room[1], seconds, n), rng.integers(0, tenant.size, n)
            clients = strangers(world, rng, "jwt_forge", int(rng.integers(1, 4)), n)
            incident = world.open(_TYPE, "jwt_forge", tenant.number, at[0], at[-1])
            yield events("jwt_validation_error", at, tenant.number, users, clients, incident=incident.id)


UNIT = Unit(name="jwt_forge", about="forged tokens from 1 to 3 addresses", emit=_emit)
