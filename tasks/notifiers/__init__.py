"""Notifiers: one file per channel, each with `send(message, ports) -> Receipt`.

`send` raises Deferred when the channel is the trouble, Transient when a later try may work, and Broken when
no retry will mend it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from spine.clock import Clock
from spine.message import Message
from spine.notification import Receipt
from spine.settings import Settings


@dataclass(frozen=True, slots=True)
class Ports:
    """What notifiers reach the world with."""

    settings: Settings
    clock: Clock


Send = Callable[[Message, Ports], Receipt]


@cache
def notifiers() -> dict[str, Send]:
    """Every channel by its name, which is its file's."""
    return {m.name: import_module(f"{__name__}.{m.name}").send for m in iter_modules(__path__)}
