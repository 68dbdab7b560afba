"""The fold: turns the deltas that writers appended into the cells that the tick reads. One at a time."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from spine.bucket import Bucket, BucketSize
from spine.settings.detect import BucketSettings
from store.entities import fold_entities
from store.named import sql
from store.stage import cursor_of

LOCK = 0x666F6C64
"""Advisory lock: one at a time folds, or makes baselines of what was folded; the next one finds little left."""


def fold(connection: Connection, settings: BucketSettings | None = None) -> int:
    """Fold every committed delta, as the system role; returns how many events that were.

    `settings` change the size of the leaky buckets from now on, for the hint at ingest as well.
    """
    connection.execute(text("select pg_advisory_xact_lock(:k)"), {"k": LOCK})
    current = _size(connection, settings)
    with cursor_of(connection) as cursor:
        events = cursor.execute(sql("fold_counts")).fetchone()
        failures = cursor.execute(sql("fold_addresses")).fetchall()
        if failures:
            _pour(cursor, failures, current)
        fold_entities(cursor)
    assert events is not None
    return int(events[0])


def _size(connection: Connection, settings: BucketSettings | None) -> BucketSize:
    stored = connection.execute(text("select capacity, leak_seconds from auth_bucket_setting")).one()
    current = BucketSize(capacity=stored.capacity, leak_seconds=stored.leak_seconds)
    if settings is None:
        return current
    wanted = BucketSize(capacity=settings.capacity_failures, leak_seconds=settings.leak_seconds)
    if wanted == current:
        return current
    connection.execute(
        text("update auth_bucket_setting set capacity = :c, leak_seconds = :l"),
        {"c": wanted.capacity, "l": wanted.leak_seconds},
    )
    return wanted


def _pour(cursor: Any, failures: list[tuple[str, str, list[datetime]]], size: BucketSize) -> None:
    keys = {"tenant": [f[0] for f in failures], "ip": [f[1] for f in failures]}
    states = {
        (tenant, ip): Bucket(level=level, at=at, run_n=n, run_first=first, overflowed_at=over)
        for tenant, ip, level, at, n, first, over in cursor.execute(
            "select a.tenant_id, host(a.ip), bucket_level, bucket_at, run_n, run_first, overflowed_at "
            "from unnest(%(tenant)s::text[], %(ip)s::inet[]) k(tenant_id, ip) "
            "join auth_address a using (tenant_id, ip)",
            keys,
        )
    }
    buckets = []
    for tenant, ip, times in failures:
        bucket = states[tenant, ip]
        bucket.pour(times, size)
        buckets.append(bucket)
    cursor.execute(
        sql("pour_buckets"),
        keys
        | {
            name: [getattr(b, name) for b in buckets] for name in ("level", "at", "run_n", "run_first", "overflowed_at")
        },
    )
