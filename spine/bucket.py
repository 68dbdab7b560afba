"""The leaky bucket of failed logins that every address of a tenant has, in event time.

Each failure pours one unit in, one unit leaks out every `leak_seconds`. Above `capacity` it overflows and
stays overflowed until it has drained. It cannot hold more than one unit above its capacity, so the time it
takes to drain is bounded, however long the attack.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketSize:
    """How much it holds and how fast it leaks."""

    capacity: float
    leak_seconds: float

    @property
    def drain(self) -> timedelta:
        """How long the fullest bucket takes to drain."""
        return timedelta(seconds=(self.capacity + 1) * self.leak_seconds)


@dataclass(slots=True, kw_only=True)
class Bucket:
    """One address's bucket."""

    level: float = 0.0
    at: datetime | None = None
    """When `level` held; None = nothing was ever poured in."""
    run_n: int = 0
    """Failures since it was last empty."""
    run_first: datetime | None = None
    """The first of them."""
    overflowed_at: datetime | None = None
    """The failure that made it overflow; None = not since it last drained."""

    def pour(self, times: Iterable[datetime], size: BucketSize) -> None:
        """Add failures, oldest first. One so late that it would have drained by now is old news."""
        for time in times:
            if self.at is not None and time < self.at - size.drain:
                continue
            self._pour_one(time if self.at is None or time > self.at else self.at, size)

    def _pour_one(self, time: datetime, size: BucketSize) -> None:
        if self.at is not None:
            self.level -= (time - self.at).total_seconds() / size.leak_seconds
        self.at = time
        if self.level <= 0:
            self.level, self.run_n, self.run_first, self.overflowed_at = 0.0, 0, time, None
        self.level = min(self.level + 1, size.capacity + 1)
        self.run_n += 1
        if self.level > size.capacity and self.overflowed_at is None:
            self.overflowed_at = time
