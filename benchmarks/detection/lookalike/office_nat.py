"""An office: in working hours most users of a business share one address, and so do their mistakes."""

from __future__ import annotations

import numpy as np

from benchmarks.detection.address import numbered
from benchmarks.detection.batch import Clients, Ints
from benchmarks.detection.population import Tenant
from benchmarks.detection.unit import Unit
from benchmarks.detection.world import World

_STAFF_PERCENT = 60


def _move(world: World, tenant: Tenant, users: Ints, at: Ints, clients: Clients, rng: np.random.Generator) -> None:
    if not tenant.business:
        return
    staff = (users * 2654435761) % 100 < _STAFF_PERCENT  # always the same people
    inside = staff & tenant.in_office_hours(at) & (clients.country == tenant.country)
    clients.ip[inside] = numbered("office", np.array([tenant.number]))[0]


UNIT = Unit(name="office_nat", about="most of a business's users share one address by day", move=_move, order=20)
