"""A new laptop, an update, a friend's computer: a user agent never seen with this user."""

from __future__ import annotations

import numpy as np

from benchmarks.detection.batch import Clients, Ints
from benchmarks.detection.population import AGENTS, Tenant
from benchmarks.detection.unit import Unit
from benchmarks.detection.world import World

_SHARE = 0.02


def _move(world: World, tenant: Tenant, users: Ints, at: Ints, clients: Clients, rng: np.random.Generator) -> None:
    new = rng.random(len(users)) < _SHARE
    clients.agent[new] = rng.integers(0, AGENTS, int(new.sum()))


UNIT = Unit(name="new_browser", about="one attempt in fifty has another user agent", move=_move, order=10)
