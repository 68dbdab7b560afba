"""A stale bookmark or a shared link into another tenant: one or two scope violations, refused, meaning nothing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.detection.batch import Batch, events
from benchmarks.detection.unit import Unit
from benchmarks.detection.world import World

_PER_TENANT_WEEK = 0.15


def _emit(world: World) -> Iterator[Batch]:
    preset = world.preset
    for tenant in world.people:
        rng = world.random("stray_scope", tenant.number)
        n = rng.poisson(_PER_TENANT_WEEK * preset.lookalike_rate * preset.days / 7)
        clicks = rng.integers(1, 3, n)
        first = rng.integers(0, world.seconds, n)
        at = np.repeat(first, clicks) + rng.integers(0, 120, int(clicks.sum()))
        users = np.repeat(tenant.users(rng, n), clicks)
        foreign = np.repeat(rng.integers(0, len(world.people), n), clicks)
        clients = world.clients(tenant, users, at, rng)
        yield events("tenant_scope_violation", at, tenant.number, users, clients, foreign=foreign)
        for start in first:
            world.note("stray_scope", tenant.number, start, start + 120)


UNIT = Unit(name="stray_scope", about="single scope violations by stale links", emit=_emit)
