"""Trips: users, and administrators more often, log in from another country for some days, after a flight."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.detection.address import numbered
from benchmarks.detection.batch import Bools, Clients, Floats, Ints
from benchmarks.detection.geography import countries, distance_km
from benchmarks.detection.population import Tenant
from benchmarks.detection.unit import Unit
from benchmarks.detection.world import World

_PER_USER_MONTH = 0.03
_PER_ADMIN_WEEK = 0.04
_DAYS = (2, 9)
_SPEED_KMH = 700
"""Of a flight, with two hours on the ground; nobody logs in meanwhile."""


@dataclass(frozen=True, slots=True)
class _Trips:
    """At most one trip per user: start and end in seconds, and where to."""

    travels: Bools
    start: Floats
    end: Floats
    country: Ints


def _trips(world: World, tenant: Tenant) -> _Trips:
    rng, preset = world.random("trip_plan", tenant.number), world.preset
    chance = np.full(tenant.size, 1 - np.exp(-_PER_USER_MONTH * preset.lookalike_rate * preset.days / 30))
    chance[tenant.admins] += _PER_ADMIN_WEEK * preset.lookalike_rate * preset.days / 7
    start = rng.uniform(0, world.seconds, tenant.size)
    end = start + rng.uniform(*_DAYS, tenant.size) * 86400
    return _Trips(rng.random(tenant.size) < chance, start, end, countries(rng, tenant.size))


def _shape(world: World) -> None:
    for tenant in world.people:
        trips = _trips(world, tenant)
        for user in np.flatnonzero(trips.travels).tolist():
            world.note("trip", tenant.number, trips.start[user], trips.end[user])


def _move(world: World, tenant: Tenant, users: Ints, at: Ints, clients: Clients, rng: np.random.Generator) -> None:
    trips = _trips(world, tenant)
    rows = np.flatnonzero(trips.travels[users])
    who, when = users[rows], at[rows]
    start, end, there = trips.start[who], trips.end[who], trips.country[who]
    away = (when > start) & (when < end)
    clients.country[rows[away]] = there[away]
    clients.ip[rows[away]] = numbered("trip", (tenant.number << 16) | who[away])
    flight = distance_km(tenant.homes[who], there) / _SPEED_KMH * 3600 + 7200
    outward, homeward = (when > start - flight) & (when <= start), (when >= end) & (when < end + flight)
    clients.absent[rows[outward | homeward]] = True


UNIT = Unit(
    name="trip", about="users log in from abroad for days, with time to fly", shape=_shape, move=_move, order=45
)
