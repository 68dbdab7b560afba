"""A stage of the demo: it happens, seen in real state and in time, or the demo fails."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import httpx
from sqlalchemy.exc import OperationalError

_LOOK_EVERY_SECONDS = 0.25
_BUSY = (OperationalError, httpx.HTTPError, ConnectionError)
"""What a check may meet while a process of the spine is being started again: not an answer, look again."""


async def nothing() -> None:
    """Begins a stage that needs no push from outside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One thing that must happen."""

    name: str
    """Stable, for tests: "detected"."""
    title: str
    check: Callable[[], str | None]
    """Looks at real state: a sentence of evidence once it happened, None until then."""
    seconds: float
    """How long it may take."""
    begin: Callable[[], Awaitable[None]] = nothing
    """What the world outside the spine does at this point, such as the attack's start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """A stage that happened."""

    stage: Stage
    evidence: str
    took: float
    """Seconds."""


class StageMissedError(Exception):
    """A stage did not happen in time, or can no longer happen."""

    def __init__(self, stage: Stage, why: str) -> None:
        super().__init__(f"{stage.title}: {why}")
        self.stage = stage
        self.why = why


class HopelessError(Exception):
    """Raised by a check that sees that its stage cannot happen any more: waiting on would be a waste."""


class Screen(Protocol):
    """Where progress is shown."""

    def began(self, stage: Stage) -> None:
        """A stage is being waited for."""
        ...

    def passed(self, passed: Passed) -> None:
        """It happened."""
        ...

    def missed(self, error: StageMissedError) -> None:
        """It did not."""
        ...


async def play(stages: Sequence[Stage], screen: Screen) -> list[Passed]:
    """Wait for each stage in turn.

    Raises:
        StageMissedError: one did not happen in time; those after it were not looked at.
    """
    done = []
    for stage in stages:
        screen.began(stage)
        try:
            passed = await _wait_for(stage)
        except StageMissedError as error:
            screen.missed(error)
            raise
        screen.passed(passed)
        done.append(passed)
    return done


async def _wait_for(stage: Stage) -> Passed:
    began = time.monotonic()
    try:
        await stage.begin()
    except HopelessError as error:
        raise StageMissedError(stage, str(error)) from error
    trouble = ""
    while time.monotonic() - began < stage.seconds:
        try:
            evidence = await asyncio.to_thread(stage.check)
            trouble = ""
        except _BUSY as error:
            evidence, trouble = None, f" (last seen: {error})"
        except HopelessError as error:
            raise StageMissedError(stage, str(error)) from error
        if evidence is not None:
            return Passed(stage=stage, evidence=evidence, took=time.monotonic() - began)
        await asyncio.sleep(_LOOK_EVERY_SECONDS)
    raise StageMissedError(stage, f"did not happen within {stage.seconds:.0f} s{trouble}")
