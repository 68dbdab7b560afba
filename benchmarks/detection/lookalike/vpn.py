"""A VPN: some users are abroad in one attempt and at home in the next, always in the same other country."""

from __future__ import annotations

import numpy as np

from benchmarks.detection.address import numbered
from benchmarks.detection.batch import Clients, Ints
from benchmarks.detection.population import Tenant
from benchmarks.detection.unit import Unit
from benchmarks.detection.world import World

_SHARE = 0.3
"""Of the attempts of a user who has one."""
_EXITS = 20
"""Addresses per country."""


def _move(world: World, tenant: Tenant, users: Ints, at: Ints, clients: Clients, rng: np.random.Generator) -> None:
    through = (tenant.vpn[users] >= 0) & (rng.random(len(users)) < _SHARE)
    ends = tenant.vpn[users[through]]
    clients.country[through] = ends
    clients.ip[through] = numbered("vpn", ends * _EXITS + rng.integers(0, _EXITS, len(ends)))


UNIT = Unit(name="vpn", about="a hundredth of users jump abroad and back", move=_move, order=40)
