"""Mobile carriers put thousands of people behind few addresses (carrier-grade NAT)."""

from __future__ import annotations

import numpy as np

from benchmarks.detection.address import numbered
from benchmarks.detection.batch import Clients, Ints
from benchmarks.detection.population import Tenant
from benchmarks.detection.unit import Unit
from benchmarks.detection.world import World

_SHARE = 0.10
"""Of all attempts."""
_POOL = 3_000
"""Addresses per country."""


def _move(world: World, tenant: Tenant, users: Ints, at: Ints, clients: Clients, rng: np.random.Generator) -> None:
    mobile = rng.random(len(users)) < _SHARE
    pool = rng.integers(0, _POOL, int(mobile.sum()))
    clients.ip[mobile] = numbered("carrier", clients.country[mobile] * _POOL + pool)


UNIT = Unit(name="carrier_nat", about="a tenth of attempts come from shared mobile addresses", move=_move, order=10)
