"""The tick: fold, and all window frames of all tenants, at growing numbers of stored events.

    python benchmarks/tick.py [--events 1000000 10000000] [--ticks 60]

Events of 28 days and 200 tenants are made inside PostgreSQL and rolled up as the fold would have. Then ticks
run at the end of that time, 200 fresh events before each: `series` is the one grouped query with the baselines
joined, `frames` all five frames as pandas, `fold` what the fresh events cost.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, text

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.server import database
from benchmarks.traffic import traffic
from store.bulk import ingest_frame
from store.engine import Database
from store.fold import fold
from store.frames import read_frames, read_series
from store.partition import ensure_days
from store.profile import hour_of, refresh_profile

DAYS = 28
MAKE = """
insert into auth_ops_logs(id, type, occurred_at, tenant_id, user_id, ip, user_agent)
select 'm' || i, (array['login_succeeded','login_succeeded','login_succeeded','session_created','session_created',
    'oauth_callback_ok','login_failed','password_reset_requested'])[1 + (hashint8(i) & 7)],
  cast(:start as timestamptz) + i * cast(:step as interval), 't' || lpad((h % 200)::text, 4, '0'), 'u' || (h % 4001),
  ('10.' || h % 200 || '.' || (h % 4001) / 256 || '.' || h % 4001 % 256)::inet, 'ua-' || h % 400
from generate_series(cast(:first as bigint), cast(:last as bigint)) i,
  lateral (select (power(abs(hashint8(i * 7)) / 2147483648.0, 3) * 200)::bigint
    + 200 * (abs(hashint8(i)) % 40009) as h) x"""
ROLL_UP = """
insert into auth_metric_minutes select date_trunc('minute', occurred_at), tenant_id, type, count(*) from auth_ops_logs
  where occurred_at > (select max(occurred_at) - interval '48 hours' from auth_ops_logs)
  group by 1, 2, 3 order by 1, 2, 3;
insert into auth_metric_hours select date_trunc('hour', occurred_at), tenant_id, type, count(*)
  from auth_ops_logs group by 1, 2, 3 order by 1, 2, 3;
insert into auth_tenant select tenant_id, min(occurred_at), max(occurred_at) from auth_ops_logs group by 1;
insert into auth_address(tenant_id, ip, first_seen, first_ok, failures, successes, users_tried, users_entered,
    maps_since)
  select tenant_id, ip, min(occurred_at), min(occurred_at) filter (where type = 'login_succeeded'),
    count(*) filter (where type = 'login_failed'), count(*) filter (where type = 'login_succeeded'),
    bit_or(user_bit(user_id, seed)),
    coalesce(bit_or(user_bit(user_id, seed)) filter (where type = 'login_succeeded'), 0), min(occurred_at)
  from auth_ops_logs cross join auth_user_bits where type in ('login_failed', 'login_succeeded') group by 1, 2;
insert into auth_stale select distinct 'hour', date_trunc('hour', occurred_at) from auth_ops_logs"""


def main() -> None:
    """Make the events, tick, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--ticks", type=int, default=60)
    options = parser.parse_args()
    for events in options.events:
        now = hour_of(datetime.now(UTC)) + timedelta(minutes=40)
        with database() as db:
            fill(db, events, now)
            report(events, db, now, options.ticks)


def fill(db: Database, events: int, now: datetime) -> None:
    """`events` events up to `now`, rolled up."""
    start = now - timedelta(days=DAYS)
    step = timedelta(days=DAYS) / events
    with db.owner() as connection:
        ensure_days(connection, ((start + timedelta(days=d)).date() for d in range(DAYS + 1)))
        connection.execute(text("alter table auth_ops_logs disable trigger count_events"))
    for first in range(1, events + 1, 500_000):
        with db.owner() as connection:
            last = min(first + 499_999, events)
            connection.execute(text(MAKE), {"start": start, "step": step, "first": first, "last": last})
    with db.owner() as connection:
        connection.execute(text("alter table auth_ops_logs enable trigger count_events"))
        connection.execute(text(ROLL_UP))
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("vacuum analyze"))
    with db.system() as connection:
        refresh_profile(connection, now)


def report(events: int, db: Database, now: datetime, ticks: int) -> None:
    """Time the parts of `ticks` ticks."""
    times: dict[str, list[float]] = {"series": [], "frames": [], "fold": []}
    for number in range(ticks):
        moment = now + timedelta(seconds=number)
        fresh = traffic(200, moment, timedelta(seconds=1), seed=number)
        ingest_frame(db, fresh, tenant_id=None, now=moment)
        for name, act in (
            ("fold", fold),
            ("series", lambda c, at=moment: read_series(c, at)),
            ("frames", lambda c, at=moment: read_frames(c, at)),
        ):
            times[name].append(timed(db, act))
    with db.system() as connection:
        seen = read_frames(connection, now)
    sizes = ", ".join(f"{len(getattr(seen, name)):,} {name}" for name in ("series", "logins", "addresses", "unknown"))
    print(f"{events:,} events: {sizes}")
    for name, found in times.items():
        found.sort()
        p95 = found[int(len(found) * 0.95)]
        print(f"  {name:7s} p50 {statistics.median(found) * 1000:6.1f} ms   p95 {p95 * 1000:6.1f} ms")


def timed(db: Database, act: Callable[[Connection], object]) -> float:
    """Seconds of one act in a transaction of its own."""
    with db.system() as connection:
        started = time.perf_counter()
        act(connection)
        return time.perf_counter() - started


if __name__ == "__main__":
    main()
