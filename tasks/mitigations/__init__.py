"""One file per mitigation: `SPEC` declares it, `MITIGATION` does it. Found by name."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from tasks.mitigation import Mitigation


@cache
def actions() -> dict[str, Mitigation]:
    """Every mitigation by its key, for instance "ip.throttle" from `ip_throttle.py`."""
    found: dict[str, Mitigation] = {}
    for module in sorted(iter_modules(__path__), key=lambda m: m.name):
        mitigation: Mitigation = import_module(f"{__name__}.{module.name}").MITIGATION
        found[mitigation.spec.key] = mitigation
    return found
