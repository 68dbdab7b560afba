"""How often something may happen, counted in PostgreSQL for all processes together.

One row a bucket says when it will be full again (GCRA): a burst, then a steady rate, in one statement.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` at once, then one each `every`."""

    burst: int
    every: timedelta

    @classmethod
    def per_minute(cls, burst: int, count: float) -> "Rate":
        """`burst` at once, then `count` a minute."""
        return cls(burst, timedelta(minutes=1) / count)


def take(connection: Connection, bucket: str, rate: Rate, *, now: datetime, count: int = 1) -> timedelta | None:
    """Take `count` from `bucket`, at most a whole burst; None = they were there, else how long to wait for them.

    What is refused costs nothing: who asks too often does not push the next turn away.
    """
    values = {
        "bucket": sha256(bucket.encode()).digest(), "now": now, "cost": rate.every * count,
        "room": rate.every * (rate.burst - count),
    }  # fmt: skip
    if connection.execute(_TAKE, values).one_or_none() is not None:
        return None
    full_at: datetime = connection.execute(_FULL_AT, values).scalar_one()
    return max(full_at - now - rate.every * (rate.burst - count), timedelta(0))


def forget(connection: Connection, before: datetime) -> int:
    """Delete buckets that were full again before `before`; returns how many."""
    return connection.execute(text("delete from rate_limits where full_at < :b"), {"b": before}).rowcount


_TAKE = text("""
    insert into rate_limits as r (bucket, full_at)
    values (:bucket, cast(:now as timestamptz) + cast(:cost as interval))
    on conflict (bucket) do update set full_at = greatest(r.full_at, :now) + cast(:cost as interval)
    where r.full_at <= cast(:now as timestamptz) + cast(:room as interval)
    returning bucket""")
_FULL_AT = text("select full_at from rate_limits where bucket = :bucket")
