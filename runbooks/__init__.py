"""One file per kind of incident, named after it; `catalogue()` finds them."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from spine.incident import IncidentKind
from spine.runbook import Runbook

__all__ = ["catalogue"]


@cache
def catalogue() -> dict[IncidentKind, Runbook]:
    """Every runbook by its kind: the modules of this package that bear the name of one."""
    kinds = {kind.value.lower() for kind in IncidentKind}
    names = sorted(m.name for m in iter_modules(__path__) if m.name in kinds)
    books: list[Runbook] = [import_module(f"{__name__}.{name}").RUNBOOK for name in names]
    return {book.kind: book for book in books}
