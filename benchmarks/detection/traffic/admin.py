"""Administrators at work: about once a weekday, each at his own hour."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.detection.batch import Batch, events

if TYPE_CHECKING:
    from benchmarks.detection.population import Tenant
    from benchmarks.detection.world import World

_LOGINS_PER_WEEKDAY = 0.6
_AT_WEEKENDS = 0.15
_EARLIEST, _LATEST = 6, 21


def emit(world: World, tenant: Tenant) -> Iterator[Batch]:
    """Logins of administrators in their local day."""
    rng = world.random("admin", tenant.number)
    days = np.arange(world.preset.days)
    pace = _LOGINS_PER_WEEKDAY * np.where(days % 7 < 5, 1, _AT_WEEKENDS)
    for admin in tenant.admins.tolist():
        day = np.repeat(days, rng.poisson(pace))
        usual = 10.5 + (admin % 5 - 2)
        hour = np.clip(rng.normal(usual, 2.2, len(day)), _EARLIEST, _LATEST)
        at = ((day * 24 + hour - tenant.hours_ahead) * 3600).astype(np.int64)
        users = np.full(len(at), admin)
        clients = world.clients(tenant, users, at, rng)
        here = ~clients.absent
        yield events("admin_login", at[here], tenant.number, users[here], clients[here])
