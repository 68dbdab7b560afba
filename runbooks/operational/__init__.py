"""Operational runbooks, one file each with its `OPERATION`; `operations()` finds them."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from runbooks.operation import Operation
from spine.errors import Refused


@cache
def operations() -> dict[str, Operation]:
    """Every operational runbook by its name, which is its file's."""
    names = sorted(module.name for module in iter_modules(__path__))
    return {name: import_module(f"{__name__}.{name}").OPERATION for name in names}


def operation_named(name: str) -> Operation:
    """The operational runbook of this name.

    Raises:
        Refused: there is none.
    """
    found = operations().get(name.lower().replace("-", "_"))
    if found is None:
        have = ", ".join(operations())
        raise Refused("operation.unknown", f"There is no operational runbook {name[:60]!r}. There are: {have}.")
    return found
