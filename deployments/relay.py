"""`python -m deployments.relay`: delivers notifications as soon as they are committed, for as long as it lives.

Woken by LISTEN; a look at the clock finds what is due again. What a killed relay was delivering is delivered by
the next one, and the receiver, or Slack's own history, tells the repetition.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from deployments.instance import database as open_database
from deployments.log import configure
from deployments.observing import observe
from deployments.watchdog import Watchdog
from spine.clock import Clock, SystemClock
from spine.ids import mint
from spine.settings import Settings
from store import outbox
from store.engine import Database
from store.heartbeats import beat
from store.listen import notices
from tasks.notifiers import checked, notifiers
from tasks.relay import drain_channel
from tasks.slack import home

_log = structlog.get_logger(__name__)
_BEAT_SECONDS = 5.0
_SWEEP_SECONDS = 5.0
"""The longest pause between looks: a missed notice costs no more than this."""
_SHORTEST_SECONDS = 0.05
_HOMES_SECONDS = 1.0
_AFTER_ERROR_SECONDS = 0.5


class Relay:
    """One worker per channel, so that a slow mail server never delays a prompt."""

    def __init__(self, database: Database, settings: Settings, clock: Clock) -> None:
        self._database, self._settings, self._clock = database, settings, clock
        self._holder = mint()
        self._wakes = {channel: asyncio.Event() for channel in notifiers()}
        self._sent = dict.fromkeys(self._wakes, 0)
        self._news = asyncio.Event()
        self._watchdog = Watchdog(database, settings, clock)

    async def run(self) -> None:
        """Until cancelled."""
        self._loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            group.create_task(self._for_ever(self._beat))
            group.create_task(self._for_ever(self._watch))
            group.create_task(self._for_ever(self._show_homes))
            if self._settings.prefect.work_pool is not None:
                group.create_task(self._keep_clear())
            for channel in self._wakes:
                group.create_task(self._for_ever(lambda channel=channel: self._turn(channel)))  # type: ignore[misc]

    async def _listen(self) -> None:
        async for _ in notices(self._database.url, "outbox", holder=self._holder):
            self._wake_all()

    def _wake_all(self) -> None:
        for wake in (*self._wakes.values(), self._news):
            wake.set()

    async def _turn(self, channel: str) -> None:
        """Deliver what is due, then sleep until woken or until something is due again."""
        self._wakes[channel].clear()
        self._sent[channel] += await asyncio.to_thread(
            drain_channel, self._database, self._settings, self._clock, channel, self._holder
        )
        due = await asyncio.to_thread(self._next_due, channel)
        wait = (due - self._clock.now()).total_seconds() if due else _SWEEP_SECONDS
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(max(wait, _SHORTEST_SECONDS), _SWEEP_SECONDS)):
                await self._wakes[channel].wait()

    async def _keep_clear(self) -> None:
        """End runs whose worker died: our runner does it, but where workers run them there is none."""
        from tasks.stranded import keep_clear  # Prefect: half a relay's memory, and only this needs it

        await keep_clear(self._database)

    async def _beat(self) -> None:
        await asyncio.to_thread(self._write_beat)
        await asyncio.sleep(_BEAT_SECONDS)

    async def _show_homes(self) -> None:
        """Bring Slack's App Homes up to date, soon after something has changed and at most once a second."""
        self._news.clear()
        await asyncio.to_thread(home.refresh, self._database, self._settings, self._clock)
        await asyncio.sleep(_HOMES_SECONDS)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SWEEP_SECONDS):
                await self._news.wait()

    async def _watch(self) -> None:
        """See to it that somebody looks at the parts of the spine."""
        await asyncio.sleep(self._watchdog.pause.total_seconds())
        await asyncio.to_thread(self._watchdog.look)

    def _next_due(self, channel: str) -> datetime | None:
        with self._database.system() as connection:
            return outbox.next_due(connection, channel)

    def _write_beat(self) -> None:
        """Say that we live, and take over what a relay that does not was delivering."""
        with self._database.system() as connection:
            beat(connection, "relay", now=self._clock.now(), detail={"pid": os.getpid(), "sent": self._sent})
            if freed := outbox.free_orphans(connection, now=self._clock.now()):
                _log.warning("another relay died while delivering", messages=freed)
        if freed:
            self._loop.call_soon_threadsafe(self._wake_all)

    async def _for_ever(self, step: Callable[[], Awaitable[None]]) -> None:
        """Again and again, through every restart of the database."""
        while True:
            try:
                await step()
            except (DBAPIError, SQLAlchemyError) as error:
                _log.warning("the database did not answer", error=type(error).__name__)
                await asyncio.sleep(_AFTER_ERROR_SECONDS)


async def serve(settings: Settings, database: Database) -> None:
    """Run a relay until SIGTERM or SIGINT; deliveries under way are finished."""
    work = asyncio.create_task(Relay(database, settings, SystemClock()).run())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, work.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await work


def main() -> None:
    """Relay until ended."""
    configure("relay")
    settings = checked(Settings())
    observe("relay", settings)
    if settings.prefect.blocks:
        from blocks.overlay import settings_from_blocks  # Prefect costs memory the relay needs for nothing else

        settings = asyncio.run(settings_from_blocks())
    database = open_database(settings)
    asyncio.run(serve(settings, database))
    database.close()


if __name__ == "__main__":
    main()
