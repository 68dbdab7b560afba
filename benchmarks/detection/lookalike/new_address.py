"""Administrators log in from hotels, trains and customers: an address never seen, at home in their country."""

from __future__ import annotations

import numpy as np

from benchmarks.detection.address import numbered
from benchmarks.detection.batch import Clients, Ints
from benchmarks.detection.population import Tenant
from benchmarks.detection.unit import Unit
from benchmarks.detection.world import World

_SHARE = 0.06


def _move(world: World, tenant: Tenant, users: Ints, at: Ints, clients: Clients, rng: np.random.Generator) -> None:
    new = np.isin(users, tenant.admins) & (rng.random(len(users)) < _SHARE)
    clients.ip[new] = numbered("new", rng.integers(0, 1 << 28, int(new.sum())))


UNIT = Unit(name="new_address", about="administrators come from unknown addresses", move=_move, order=30)
