"""Says when the database does not answer: then nothing else can, for everything that could tell is kept in it."""

import time
from datetime import UTC, datetime, timedelta

import psycopg

from spine.span import span

_LOOK_SECONDS = 10.0
_PATIENCE_SECONDS = 3


class DatabaseWatch:
    """Looks every ten seconds; speaks when something changes, and once a minute while it stays bad."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._next = 0.0
        self._down_since: datetime | None = None
        self._told_at: datetime | None = None

    def look(self) -> str | None:
        """What to tell the operator, if anything."""
        if time.monotonic() < self._next:
            return None
        self._next = time.monotonic() + _LOOK_SECONDS
        return self.judge(self._error(), datetime.now(UTC))

    def judge(self, error: str | None, now: datetime) -> str | None:
        """What to tell after a look that found `error` (None = it answers)."""
        if error is None:
            since, self._down_since, self._told_at = self._down_since, None, None
            return f"the database answers again, after {span(now - since)}; everything goes on" if since else None
        self._down_since = self._down_since or now
        if self._told_at is not None and now - self._told_at < timedelta(minutes=1):
            return None
        self._told_at = now
        return (
            f"the database does not answer since {self._down_since:%H:%M:%S} UTC ({error}): nothing is detected, "
            "decided or told, and applications keep the flags they have. /readyz answers 503. "
            "Start it, or mend DATABASE_URL"
        )

    def _error(self) -> str | None:
        try:
            with psycopg.connect(self._url, connect_timeout=_PATIENCE_SECONDS, autocommit=True) as connection:
                connection.execute("select 1")
        except psycopg.Error as error:
            return type(error).__name__
        return None
