"""Many causes, few calls: an eager call at once, and at most one more per pause while causes keep coming."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

_log = structlog.get_logger(__name__)


class Debounced:
    """Calls `target` now, then at most once per `pause_seconds` for whatever came meanwhile.

    A call that fails is only logged: what it would have hastened happens at its next turn anyway.
    """

    def __init__(self, target: Callable[[], Awaitable[None]], pause_seconds: float) -> None:
        self._target, self._pause = target, pause_seconds
        self._again = False
        self._running: asyncio.Task[None] | None = None

    async def __call__(self) -> None:
        """Ask for a call; returns at once."""
        if self._running is not None and not self._running.done():
            self._again = True
            return
        self._running = asyncio.create_task(self._run())

    async def _run(self) -> None:
        self._again = True
        while self._again:
            self._again = False
            try:
                await self._target()
            except Exception as error:  # the edge must live on whatever the orchestrator answers
                _log.warning("an early detect run could not be started", error=str(error))
            await asyncio.sleep(self._pause)
