"""One file per log format: the lines or records of a vendor in, events out. Found by name.

sshd reads lines; the others declare a `spine.mapper.Mapper`.
"""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from spine.mapper import Mapper


@cache
def mappers() -> dict[str, Mapper]:
    """Every mapper of JSON records by its name."""
    modules = (import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__))
    return {module.MAPPER.name: module.MAPPER for module in modules if hasattr(module, "MAPPER")}
