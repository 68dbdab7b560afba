"""Looks at the parts of the spine when `check_health` does not: without Prefect or the runner no flow runs at all.

Lives in the relay, which needs neither. So whichever of them dies, somebody is left to call people.
"""

from datetime import datetime, timedelta

import structlog

from spine.clock import Clock
from spine.health import Status
from spine.settings import Settings
from store.engine import Database
from store.heartbeats import beats
from store.vital import CHECKS, watch
from tasks.checking import check_once

_log = structlog.get_logger(__name__)
_BY = "relay"


class Watchdog:
    """Takes over after a silence, and gives back as soon as the flow is heard again."""

    def __init__(self, database: Database, settings: Settings, clock: Clock) -> None:
        self._database, self._settings, self._clock = database, settings, clock
        self._began = clock.now()
        self._looked: datetime | None = None

    @property
    def pause(self) -> timedelta:
        """How often `look` is to be called."""
        return timedelta(seconds=self._settings.health.interval_seconds)

    def look(self) -> bool:
        """One round of checks if nobody else makes them; returns whether it did."""
        now = self._clock.now()
        with self._database.system() as connection:
            seen = beats(connection).get(CHECKS)
        heard = seen[0] if seen is not None and seen[1].get("by") != _BY else None
        latest = max(filter(None, (heard, self._began)))
        if watch((latest, {}), self._settings, now).status is Status.PASS:
            return False
        if self._looked is None or (heard is not None and heard > self._looked):
            _log.warning("the flow check_health is silent; the relay looks at the parts in its stead", since=str(heard))
        done = check_once(self._database, self._settings, self._clock, by=_BY)
        self._looked = now
        _log.info("checked", found=done.sentence)
        return True
