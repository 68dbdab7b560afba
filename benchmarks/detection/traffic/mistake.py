"""Mistyped passwords: runs of failures of one user, in overdispersed numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.detection.batch import Batch, events
from benchmarks.detection.rhythm import bursty, moments

if TYPE_CHECKING:
    from benchmarks.detection.population import Tenant
    from benchmarks.detection.world import World

_STOP = 0.5
"""Chance to succeed or give up after each failure: runs are geometric, two long on average."""
_LONGEST = 12
_SHAPE = 25.0
"""Size of the negative binomial of the hourly number of runs."""


def emit(world: World, tenant: Tenant) -> Iterator[Batch]:
    """Failed logins of people who have forgotten, or slipped."""
    rng = world.random("mistake", tenant.number)
    at = moments(bursty(world.logins[tenant.number] * tenant.mistake_share, _SHAPE, rng), rng)
    users = tenant.users(rng, len(at))
    clients = world.clients(tenant, users, at, rng)
    here = np.flatnonzero(~clients.absent)
    length = np.minimum(rng.geometric(_STOP, len(here)), _LONGEST)
    rows = np.repeat(here, length)
    step = np.arange(len(rows)) - np.repeat(np.cumsum(length) - length, length)
    wait = step * rng.integers(4, 25, len(rows))
    yield events("login_failed", at[rows] + wait, tenant.number, users[rows], clients[rows])
