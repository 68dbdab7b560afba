"""Checks: one file per part of the spine, each with its `CHECK`. Found by name.

A package of its own may bring more, through the entry-point group `opsspine.checks`: each entry point is a `Check`.
A check only looks. It may raise: what it raises is what it found.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules

from spine.clock import Clock
from spine.errors import Refused
from spine.health import Reading
from spine.settings import Settings
from spine.severity import Severity
from store.engine import Database

GROUP = "opsspine.checks"


@dataclass(frozen=True, slots=True)
class Ports:
    """What checks reach the world with."""

    settings: Settings
    clock: Clock
    database: Database


def _every_round(_settings: Settings) -> timedelta:
    return timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """How one part is looked at."""

    key: str
    ask: Callable[[Ports], Reading]
    means: str
    """What it costs when nothing at all can be found out."""
    do: str
    severity: Severity = Severity.HIGH
    """Of an incident this part is the cause of."""
    comfort: bool = False
    """True: the spine works without this part, so it never fails, it only warns."""
    every: Callable[[Settings], timedelta] = _every_round
    """The shortest time between two looks; a part that fails is looked at in every round."""


@cache
def checks() -> dict[str, Check]:
    """Every check by its key, which is its file's name, or its entry point's.

    Raises:
        Refused: two claim one key, or an entry point is no check.
    """
    names = sorted(m.name for m in iter_modules(__path__))
    found: dict[str, Check] = {name: import_module(f"{__name__}.{name}").CHECK for name in names}
    for point in entry_points(group=GROUP):
        check = point.load()
        if not isinstance(check, Check) or check.key in found:
            raise Refused(
                "check.plugin",
                f"The entry point {point.name} ({point.value}) brings no check of its own: it must be a "
                "tasks.checks.Check whose key nobody else has. Mend or remove that package.",
            )
        found[check.key] = check
    return found
