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
from spine.errors import Refused
from spine.message import Message
from spine.notification import Receipt
from spine.routing import refuse_dropped, ruleset
from spine.settings import Settings


@dataclass(frozen=True, slots=True)
class Ports:
    """What notifiers reach the world with."""

    settings: Settings
    clock: Clock


Send = Callable[[Message, Ports], Receipt]


def channels() -> list[str]:
    """The names of all channels, which are their files'. Imports none of them."""
    return sorted(m.name for m in iter_modules(__path__))


@cache
def notifiers() -> dict[str, Send]:
    """Every channel by its name."""
    return {name: import_module(f"{__name__}.{name}").send for name in channels()}


def checked(settings: Settings) -> Settings:
    """`settings`, if there is a notifier for each channel they name, and their rules drop no critical page.

    Raises:
        Refused: there is none for one of them, or a page would reach nobody; nobody would ever hear of it.
    """
    if unknown := sorted(set(settings.notify.mode) - set(channels())):
        raise Refused(
            "notify.unknown",
            f"OPSSPINE_NOTIFY__MODE names {', '.join(map(repr, unknown))}, and there is no such channel. "
            f"There are: {', '.join(channels())}.",
        )
    named = {to.channel for rule in settings.notify.rules for to in rule.destinations}
    if unknown := sorted(named - set(channels())):
        raise Refused(
            "notify.unknown",
            f"OPSSPINE_NOTIFY__RULES send to {', '.join(map(repr, unknown))}, and there is no such channel. "
            f"There are: {', '.join(channels())}.",
        )
    refuse_dropped(ruleset((), settings.notify.rules, settings.notify.mode), "OPSSPINE_NOTIFY__RULES")
    return settings
