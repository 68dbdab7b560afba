"""Time: aware UTC only, and injected."""

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time. Injected wherever time matters, so that drills and tests can own it."""

    def now(self) -> datetime:
        """The current time, aware, UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The machine's time, UTC."""
        return datetime.now(UTC)


class ManualClock:
    """A clock that moves only when told to."""

    def __init__(self, start: datetime) -> None:
        self._now = aware(start)

    def now(self) -> datetime:
        """What it was last set to."""
        return self._now

    def advance(self, by: timedelta) -> None:
        """Move forward (or back, to play a stepping clock) by `by`."""
        self._now += by


def aware(moment: datetime) -> datetime:
    """`moment` in UTC.

    Raises:
        ValueError: it has no time zone, so its meaning would be a guess.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone; give an aware datetime (for instance with tzinfo=UTC)")
    return moment.astimezone(UTC)
