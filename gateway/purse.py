"""Limits of what happens many times a second: taken from PostgreSQL by the handful, spent here one by one.

So a limit that holds for all processes together costs a write for a hundredth of a burst, not one for each request.
What a process holds when it ends is lost to the caller: a hundredth of the burst at most.
"""

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text

from store.engine import Database
from store.rate import Rate, take

_HANDFULS = 100
"""In a burst."""
_MOST = 10_000
"""Callers remembered at once."""


@dataclass(slots=True)
class _Held:
    """What one caller has left here, and what was refused until when."""

    left: int = 0
    refused: int = 0
    until: datetime | None = None


class Purse:
    """One for a process; threads share it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._held: dict[str, _Held] = {}

    def spend(self, bucket: str, rate: Rate, count: int, *, now: datetime) -> timedelta | None:
        """Spend `count` of `bucket`, at most a whole burst; None = done, else how long to wait. Nobody refused pays."""
        with self._lock:
            held = self._of(bucket)
            if held.left >= count:
                held.left -= count
                return None
            if held.until is not None and now < held.until and count >= held.refused:
                return held.until - now  # the answer is known, and a flood shall not ask for it
        handful = max(count, rate.burst // _HANDFULS)
        wait = self._take(bucket, rate, handful, now)
        if wait is not None and handful > count:
            handful = count  # the last of a burst are worth having
            wait = self._take(bucket, rate, handful, now)
        with self._lock:
            held = self._of(bucket)
            if wait is None:
                held.left, held.until = held.left + handful - count, None
            else:
                held.refused, held.until = count, now + wait
        return wait

    def _take(self, bucket: str, rate: Rate, count: int, now: datetime) -> timedelta | None:
        with self._database.system() as connection:
            # a counter that a crash of the machine sets back by a moment is no loss worth waiting for the disk
            connection.execute(text("set local synchronous_commit = off"))
            return take(connection, bucket, rate, now=now, count=count)

    def _of(self, bucket: str) -> _Held:
        if bucket not in self._held and len(self._held) >= _MOST:
            self._held.clear()
        return self._held.setdefault(bucket, _Held())
