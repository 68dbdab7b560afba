"""Partitions of the event table: one per UTC day, made ahead, dropped whole when they are too old."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Connection, text

from spine.settings import RetentionSettings
from store.entities import drop_old_entities


def ensure_days(connection: Connection, days: Iterable[date]) -> int:
    """Make the partitions of `days` that are missing, as the owner; returns how many."""
    made = (
        connection.execute(text("select make_event_partition(:day)"), {"day": d}).scalar_one() for d in sorted(days)
    )
    return sum(bool(m) for m in made)


def ensure_partitions(connection: Connection, now: datetime, settings: RetentionSettings) -> int:
    """Make yesterday's partition and those of the days ahead, as the owner; returns how many were missing."""
    today = now.astimezone(UTC).date()
    return ensure_days(connection, (today + timedelta(days=d) for d in range(-1, settings.days_ahead + 1)))


def partitions(connection: Connection) -> list[date]:
    """The days that have a partition, oldest first."""
    found = connection.execute(
        text("select inhrelid::regclass::text from pg_inherits where inhparent = 'auth_ops_logs'::regclass")
    ).scalars()
    return sorted(_day(name) for name in found)


def drop_expired(connection: Connection, now: datetime, settings: RetentionSettings) -> list[date]:
    """Detach and drop the days that are wholly older than the retention, as the owner; returns them.

    Rollups older than their own, longer, retention go as well.
    """
    oldest = (now - timedelta(days=settings.event_days)).astimezone(UTC).date()
    expired = [day for day in partitions(connection) if day < oldest]
    # detaching locks the whole table for a moment; better not at all today than with all writers queued behind
    connection.execute(text("set local lock_timeout = '5s'"))
    for day in expired:
        connection.execute(text(f"alter table auth_ops_logs detach partition {_name(day)}"))
        connection.execute(text(f"drop table {_name(day)}"))
    _drop_rollups(connection, now, settings)
    return expired


def _drop_rollups(connection: Connection, now: datetime, settings: RetentionSettings) -> None:
    oldest = {
        "minutes": now - timedelta(hours=settings.metric_minute_hours),
        "hours": now - timedelta(days=settings.metric_hour_days),
        "days": (now - timedelta(days=31)).astimezone(UTC).date(),
    }
    connection.execute(text("delete from auth_metric_minutes where bucket < :minutes"), oldest)
    connection.execute(text("delete from auth_metric_hours where bucket < :hours"), oldest)
    connection.execute(text("delete from auth_unknown_hours where hour < :hours"), oldest)
    connection.execute(text("delete from auth_active_days where day < :days"), oldest)
    drop_old_entities(connection, now - timedelta(days=settings.entity_days))


def _name(day: date) -> str:
    return f"auth_ops_logs_{day:%Y%m%d}"


def _day(name: str) -> date:
    return datetime.strptime(name[-8:], "%Y%m%d").replace(tzinfo=UTC).date()
