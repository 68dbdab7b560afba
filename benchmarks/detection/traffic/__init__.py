"""Ordinary traffic of a tenant; one file each for what people do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from benchmarks.detection.batch import Batch
from benchmarks.detection.traffic import admin, login, mail, mistake, token

if TYPE_CHECKING:
    from benchmarks.detection.population import Tenant
    from benchmarks.detection.world import World


def of_tenant(world: World, tenant: Tenant) -> Iterator[Batch]:
    """All events of a tenant but those of look-alikes and attacks."""
    for part in (login, mistake, mail, token, admin):
        yield from part.emit(world, tenant)
