"""Drills, one file per kind of incident, named after its runbook; `drills()` finds them."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from spine.drill import Drill
from spine.errors import Refused
from spine.incident import IncidentKind

__all__ = ["drill_named", "drills"]


@cache
def drills() -> Mapping[IncidentKind, tuple[Drill, ...]]:
    """Every kind's drills: `DRILLS` of the modules of this package that bear the name of a kind."""
    names = {module.name for module in iter_modules(__path__)}
    kinds = [kind for kind in IncidentKind if kind.value.lower() in names]
    return {kind: tuple(import_module(f"{__name__}.{kind.value.lower()}").DRILLS) for kind in kinds}


def drill_named(kind: IncidentKind, name: str) -> Drill:
    """The drill `name` of `kind`; "" is its first one.

    Raises:
        Refused: the kind has no drills, or none of this name.
    """
    known = drills().get(kind, ())
    found = next((drill for drill in known if name in ("", drill.name)), None)
    if found is None:
        have = ", ".join(drill.name for drill in known) or "none"
        raise Refused("drill.unknown", f"{kind.value} has no drill {name[:60]!r}; it has {have}. Nothing was played.")
    return found
