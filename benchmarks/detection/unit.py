"""A unit: one kind of incident, or one benign look-alike. A file in `incident/` or `lookalike/` defines `UNIT`.

To add one, add a file. Every unit draws from a random stream of its own, so that the rest of a world stays as
it was but for incidents of the same type that have to make room.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from numpy.random import Generator

from benchmarks.detection.batch import Batch, Clients, Ints

if TYPE_CHECKING:
    from benchmarks.detection.population import Tenant
    from benchmarks.detection.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What a unit does to a world; each part is optional, and they run in this order over all units."""

    name: str
    about: str
    """One line for the documentation."""
    shape: Callable[[World], None] | None = None
    """Changes rates and shares of failures of the ordinary traffic, or places incidents."""
    move: Callable[[World, Tenant, Ints, Ints, Clients, Generator], None] | None = None
    """Changes, in place, from where users (third argument) come at times (fourth, seconds)."""
    emit: Callable[[World], Iterable[Batch]] | None = None
    """Adds events."""
    order: int = 50
    """Lower runs earlier: what concerns every tenant is placed first, and a trip overrides an office."""


@cache
def lookalikes() -> tuple[Unit, ...]:
    """Everything benign that looks like an incident."""
    return _found("lookalike")


@cache
def incidents() -> tuple[Unit, ...]:
    """The kinds of incident."""
    return _found("incident")


def _found(package: str) -> tuple[Unit, ...]:
    parent = import_module(f"benchmarks.detection.{package}")
    names = [
        f"{parent.__name__}.{module.name}"
        for module in pkgutil.iter_modules(parent.__path__)
        if not module.name.startswith("_")
    ]
    units = [import_module(name).UNIT for name in names]
    return tuple(sorted(units, key=lambda unit: (unit.order, unit.name)))
