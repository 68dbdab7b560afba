"""Tokens that do not validate: expired, cut off, from an old tab."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.detection.batch import NONE, Batch, events
from benchmarks.detection.rhythm import SLOT_SECONDS, bursty, moments

if TYPE_CHECKING:
    from benchmarks.detection.population import Tenant
    from benchmarks.detection.world import World

_SHAPE = 8.0
"""Size of the negative binomial of the number per five minutes."""


def emit(world: World, tenant: Tenant) -> Iterator[Batch]:
    """Errors of tokens; a fault multiplies them, and takes the place of a deploy's smaller bump."""
    rng = world.random("token", tenant.number)
    factor, incident = world.tokens[tenant.number].copy(), np.full(world.slots, NONE)
    for fault in world.faults_of("token", tenant.number):
        slots = slice(int(fault.start // SLOT_SECONDS), int(np.ceil(fault.end / SLOT_SECONDS)))
        factor[slots] = np.maximum(factor[slots], fault.strength)
        incident[slots] = fault.incident
    at = moments(bursty(world.logins[tenant.number] * tenant.token_share * factor, _SHAPE, rng, slots=1), rng)
    users = tenant.users(rng, len(at))
    clients = world.clients(tenant, users, at, rng)
    yield events("jwt_validation_error", at, tenant.number, users, clients, incident=incident[at // SLOT_SECONDS])
