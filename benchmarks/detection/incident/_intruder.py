"""Somebody else logs in as administrator: what its three kinds share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.detection.attack import Range, strangers, times
from benchmarks.detection.batch import Batch, events
from benchmarks.detection.unit import Unit
from benchmarks.detection.world import World

_TYPE = "SUSPICIOUS_ADMIN_LOGIN"
_MOST_LOGINS = 3
_LASTS_SECONDS = 1_500
_FAILURES = (4, 25)
_BEFORE_SECONDS = (10, 900)


@dataclass(frozen=True, slots=True)
class Intruder:
    """One kind of it."""

    subtype: str
    full: int
    """How many a full world has."""
    local_hours: Range
    foreign: float
    """Chance to come from a country where the administrator is never seen."""
    guesses: bool
    """Fails several times first."""

    def emit(self, world: World) -> Iterator[Batch]:
        """One to three logins of one administrator from an address and a browser nobody knows."""
        rng = world.random(self.subtype)
        for _ in range(world.preset.count(self.full)):
            room = world.schedule.place(
                rng, (_TYPE,), _LASTS_SECONDS + 300, weights=world.weights(0.6), local_hours=self.local_hours
            )
            if not room:
                continue
            tenant, n = world.people[room[0]], int(rng.integers(1, _MOST_LOGINS + 1))
            admin, at = int(rng.choice(tenant.admins)), times(rng, room[1], _LASTS_SECONDS, n)
            failures = int(rng.integers(*_FAILURES)) if self.guesses else 0
            strange, home = tenant.strange_country(rng, admin), int(tenant.homes[admin])
            country = np.full(n + failures, strange if rng.random() < self.foreign else home)
            thief = replace(strangers(world, rng, self.subtype, 1, n + failures), country=country)
            incident = world.open(_TYPE, self.subtype, tenant.number, at[0], at[-1] + 1, user=admin)
            before = (at[0] - rng.uniform(*_BEFORE_SECONDS, failures)).astype(np.int64)
            yield events("admin_login", at, tenant.number, admin, thief[:n], incident=incident.id)
            yield events("login_failed", before, tenant.number, admin, thief[n:], incident=incident.id)

    def unit(self, about: str) -> Unit:
        """The unit of this kind."""
        return Unit(name=self.subtype, about=about, emit=self.emit)
