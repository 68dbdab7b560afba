"""A stolen account is rented out: one user opens many sessions from many addresses of one country."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from benchmarks.detection.attack import amount, duration, strangers, times
from benchmarks.detection.batch import Batch, events
from benchmarks.detection.population import AGENTS
from benchmarks.detection.unit import Unit
from benchmarks.detection.world import World

_TYPE = "SESSION_ANOMALIES"
_EVENTS, _MINUTES, _ADDRESSES = (15, 100), (10, 40), (2, 15)


def _emit(world: World) -> Iterator[Batch]:
    rng = world.random("session_flood")
    for _ in range(world.preset.count(14)):
        seconds = duration(world, rng, _MINUTES)
        if room := world.schedule.place(rng, (_TYPE,), seconds, weights=world.weights(0.6)):
            tenant, n = world.people[room[0]], amount(world, rng, _EVENTS)
            at, user = times(rng, room[1], seconds, n), int(rng.integers(0, tenant.size))
            clients = replace(
                strangers(world, rng, "session_flood", int(rng.integers(*_ADDRESSES)), n),
                country=np.full(n, tenant.homes[user]),
                agent=rng.integers(0, AGENTS, n),
            )
            incident = world.open(_TYPE, "session_flood", tenant.number, at[0], at[-1], user=user)
            yield events("session_created", at, tenant.number, user, clients, incident=incident.id)


UNIT = Unit(name="session_flood", about="15 to 100 sessions of one user within 40 minutes", emit=_emit)
