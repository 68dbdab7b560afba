"""Guessing of passwords: what bursts, botnets and sprays share."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.detection.attack import strangers
from benchmarks.detection.batch import Batch, Ints, events
from benchmarks.detection.population import Tenant
from benchmarks.detection.world import World

TYPE = "FAILED_LOGINS_SPIKE"
_LUCK = 0.005
"""Share of guesses that are right."""


def guesses(
    world: World, rng: np.random.Generator, name: str, tenant: Tenant, at: Ints, users: Ints, addresses: int
) -> Iterator[Batch]:
    """Opens the incident and yields its failed and its lucky logins."""
    clients = strangers(world, rng, name, addresses, len(at))
    incident = world.open(TYPE, name, tenant.number, at[0], at[-1])
    lucky = rng.random(len(at)) < _LUCK
    for kind, rows in (("login_failed", ~lucky), ("login_succeeded", lucky)):
        yield events(kind, at[rows], tenant.number, users[rows], clients[rows], incident=incident.id)
