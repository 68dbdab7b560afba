"""Retain: make the days ahead, drop what is older than it may be, refresh the seasonal profile."""

from datetime import UTC, datetime, timedelta

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows.context import database, living, settings
from store.forget import forget
from store.partition import drop_expired, ensure_partitions
from store.profile import refresh_profile
from store.retention import sweep


@task(cache_policy=NO_CACHE, retries=2, retry_delay_seconds=5)
def partitions() -> None:
    """Day partitions exist for the days ahead; expired ones are gone."""
    now = datetime.now(UTC)
    with database().owner() as connection:
        ensure_partitions(connection, now, settings().retention)
        drop_expired(connection, now, settings().retention)


@task(cache_policy=NO_CACHE, retries=2, retry_delay_seconds=5)
def profile() -> None:
    """The baselines follow the last 28 days."""
    with database().system() as connection:
        refresh_profile(connection, datetime.now(UTC))


@task(cache_policy=NO_CACHE, retries=2, retry_delay_seconds=5)
def messages() -> None:
    """Delivered messages and remembered requests of the past are gone."""
    with database().system() as connection:
        forget(connection, datetime.now(UTC) - timedelta(days=settings().retention.message_days))


@task(cache_policy=NO_CACHE, retries=2, retry_delay_seconds=5)
def rest() -> None:
    """Whatever else is over its time is gone, a few rows at a time (store/retention.py)."""
    sweep(database(), datetime.now(UTC), settings().retention)


@flow(name="retain")
async def retain() -> None:
    """Housekeeping of the event store. Safe to run at any time and any number of times."""
    with living():
        partitions()
        profile()
        messages()
        rest()
