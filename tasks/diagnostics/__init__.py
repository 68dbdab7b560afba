"""Diagnostics: one file per question, each with its `DIAGNOSTIC`. Found by name.

A diagnostic never changes what it looks at. What it could not see is UNKNOWN, with the reason.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from spine.clock import Clock
from spine.diagnostic import Answer, Check, DiagnosticSpec, Question, State
from spine.errors import Refused, Transient
from spine.settings import Settings
from store.engine import Database
from tasks.diagnostics.probe.guard import Guard


@dataclass(frozen=True, slots=True)
class Ports:
    """What diagnostics reach the world with."""

    settings: Settings
    clock: Clock
    guard: Guard
    database: Database

    @classmethod
    def of(cls, settings: Settings, clock: Clock, database: Database) -> "Ports":
        """Ports within the rules of `settings`."""
        return cls(settings, clock, Guard(settings.probe, clock), database)


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A declaration, and what does it."""

    spec: DiagnosticSpec
    run: Callable[[Question, Ports], Awaitable[Answer]]
    """Raises Refused or Transient when nothing at all could be asked; `ask` makes that UNKNOWN."""


@cache
def diagnostics() -> dict[str, Diagnostic]:
    """Every diagnostic by its key, which is its file's name."""
    names = sorted(m.name for m in iter_modules(__path__) if not m.ispkg)
    found: list[Diagnostic] = [import_module(f"{__name__}.{name}").DIAGNOSTIC for name in names]
    return {one.spec.key: one for one in found}


async def ask(key: str, question: Question, ports: Ports) -> Answer:
    """The answer of one diagnostic; a probe that fails or takes too long is evidence "unknown".

    Raises:
        Refused: there is no diagnostic of this name.
    """
    one = diagnostics().get(key)
    if one is None:
        raise Refused("diagnostic.unknown", f"there is no diagnostic {key!r}; there are {', '.join(diagnostics())}")
    try:
        async with asyncio.timeout(ports.settings.probe.total_seconds):
            return await one.run(question, ports)
    except TimeoutError:
        because = f"it took longer than {ports.settings.probe.total_seconds:g} s in all; ask again, or raise the limit"
        return Answer(key, (Check(key, State.UNKNOWN, because),))
    except (Refused, Transient) as error:
        return Answer(key, (Check(key, State.UNKNOWN, str(error)),))
