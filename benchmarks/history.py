"""28 days of events inside PostgreSQL, rolled up as the fold would have, and the same events as Parquet for others.

The events are made where they end up: a generator outside would be what is measured. The rollups are made by one
statement per table instead of a fold per batch; what a tick reads of them is the same.
"""

import io
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from sqlalchemy import text

from store.engine import Database
from store.partition import ensure_days
from store.profile import refresh_profile
from store.stage import cursor_of

A = TypeVar("A")
B = TypeVar("B")
DAYS = 28
_CHUNK = 500_000
_HANDS = 2
"""Connections that fill at once."""
_MAKE = text("""
insert into auth_ops_logs(id, type, occurred_at, tenant_id, user_id, ip, user_agent)
select 'm' || i, (array['login_succeeded','login_succeeded','login_succeeded','session_created','session_created',
    'oauth_callback_ok','login_failed','password_reset_requested'])[1 + (hashint8(i) & 7)],
  cast(:start as timestamptz) + i * cast(:step as interval), 't' || lpad((h % :tenants)::text, 4, '0'),
  'u' || (h % 4001), ('10.' || h % 200 || '.' || (h % 4001) / 256 || '.' || h % 4001 % 256)::inet, 'ua-' || h % 400
from generate_series(cast(:first as bigint), cast(:last as bigint)) i,
  lateral (select (power(abs(hashint8(i * 7)) / 2147483648.0, 3) * :tenants)::bigint
    + cast(:tenants as bigint) * (abs(hashint8(i)) % 40009) as h) x""")
_ROLL_UP = """
insert into auth_metric_minutes select date_trunc('minute', occurred_at), tenant_id, type, count(*) from auth_ops_logs
  where occurred_at > (select max(occurred_at) - interval '48 hours' from auth_ops_logs)
  group by 1, 2, 3 order by 1, 2, 3;
insert into auth_metric_hours select date_trunc('hour', occurred_at), tenant_id, type, count(*)
  from auth_ops_logs group by 1, 2, 3 order by 1, 2, 3;
insert into auth_tenant select tenant_id, min(occurred_at), max(occurred_at) from auth_ops_logs group by 1;
insert into auth_stale select distinct 'hour', bucket from auth_metric_hours"""
_ADDRESSES = """
insert into auth_address(tenant_id, ip, first_seen, first_ok, failures, successes, users_tried, users_entered,
    maps_since)
  select tenant_id, ip, min(occurred_at), min(occurred_at) filter (where type = 'login_succeeded'),
    count(*) filter (where type = 'login_failed'), count(*) filter (where type = 'login_succeeded'),
    bit_or(user_bit(user_id, seed)),
    coalesce(bit_or(user_bit(user_id, seed)) filter (where type = 'login_succeeded'), 0), min(occurred_at)
  from auth_ops_logs cross join auth_user_bits where type in ('login_failed', 'login_succeeded') group by 1, 2"""


def fill(db: Database, events: int, tenants: int, now: datetime) -> None:
    """`events` events of `tenants` tenants in the 28 days up to `now`, rolled up, with this hour's baselines."""
    start, step = now - timedelta(days=DAYS), timedelta(days=DAYS) / events
    with db.owner() as connection:
        ensure_days(connection, ((start + timedelta(days=d)).date() for d in range(DAYS + 1)))
        connection.execute(text("alter table auth_ops_logs disable trigger user"))

    def make(first: int) -> None:
        with db.owner() as connection:
            connection.execute(
                _MAKE,
                {"start": start, "step": step, "tenants": tenants, "first": first,
                 "last": min(first + _CHUNK - 1, events)},
            )  # fmt: skip

    def roll_up(statements: str) -> None:
        with db.owner() as connection:
            connection.execute(text("set local work_mem = '256MB'"))
            connection.execute(text(statements))

    _at_once(make, range(1, events + 1, _CHUNK))
    with db.owner() as connection:
        connection.execute(text("alter table auth_ops_logs enable trigger user"))
    _at_once(roll_up, (_ROLL_UP, _ADDRESSES))
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("vacuum analyze"))
    with db.system() as connection:
        refresh_profile(connection, now)


def export(db: Database, folder: Path, now: datetime) -> list[Path]:
    """Tenant, type and time of every event, in order of time: one Parquet file a day."""
    kinds = {"tenant_id": pa.string(), "type": pa.string(), "occurred_at": pa.timestamp("us")}

    def write(day: int) -> Path:
        first = now - timedelta(days=DAYS - day)
        buffer = io.BytesIO()
        with db.owner() as connection, cursor_of(connection) as cursor, cursor.copy(
            "copy (select tenant_id, type, occurred_at::timestamp from auth_ops_logs"
            f" where occurred_at >= '{first.isoformat()}' and occurred_at < '{(first + timedelta(days=1)).isoformat()}'"
            " order by occurred_at) to stdout (format csv)"
        ) as copy:  # fmt: skip
            for block in copy:
                buffer.write(block)
        buffer.seek(0)
        table = pyarrow.csv.read_csv(
            buffer, pyarrow.csv.ReadOptions(column_names=list(kinds)),
            convert_options=pyarrow.csv.ConvertOptions(column_types=kinds),
        )  # fmt: skip
        file = folder / f"day{day:02d}.parquet"
        pyarrow.parquet.write_table(table, file, row_group_size=100_000)
        return file

    # the last event falls on `now` itself: a day more
    return _at_once(write, range(DAYS + 1))


def _at_once(act: Callable[[A], B], over: Iterable[A]) -> list[B]:
    with ThreadPoolExecutor(_HANDS) as pool:
        return list(pool.map(act, over))
