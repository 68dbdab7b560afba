"""Deltas by trigger against deltas by the ingest statement: the figures of docs/adr/0002.

    python benchmarks/delta.py [--batches 15]

Batches of 10,000 rows go by turns through the trigger, through an INSERT whose RETURNING feeds the same
deltas, and without any deltas; one connection, so that the server's own work is what is timed.
"""

import argparse
import io
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.csv
from sqlalchemy import text

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.server import database
from benchmarks.traffic import traffic
from store.columnar import FrameCheck
from store.engine import Database
from store.stage import COLUMNS, cursor_of, stage_csv

ROWS = 10_000
VALUES = ", ".join({"ip": "ip::inet", "attributes": "attributes::jsonb"}.get(name, name) for name in COLUMNS)
INSERT = (
    f"insert into auth_ops_logs({', '.join(COLUMNS)}) select {VALUES} from stage_of_opsspine_system "
    'order by tenant_id, occurred_at, id collate "C" on conflict do nothing'
)
RETURNING = f"""
with fresh as ({INSERT} returning tenant_id, type, occurred_at, ip, synthetic),
counts as (
  insert into auth_metric_delta(bucket, tenant_id, type, n, first_at, last_at)
  select date_bin('1 minute', occurred_at, '2000-01-01Z'), tenant_id, type, count(*), min(occurred_at), max(occurred_at)
  from fresh where not synthetic group by 1, 2, 3
)
insert into auth_login_delta(tenant_id, ip, first_at, failed, n)
select tenant_id, ip, min(occurred_at), type = 'login_failed', count(*) from fresh
where type in ('login_failed', 'login_succeeded') and ip is not null and not synthetic
group by tenant_id, ip, type, case when type = 'login_failed' then occurred_at end"""


def main() -> None:
    """Run the turns and print the medians."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--batches", type=int, default=15)
    options = parser.parse_args()
    now = datetime.now(UTC)
    ways = {"trigger": (True, INSERT), "statement": (False, RETURNING), "no deltas": (False, INSERT)}
    rows = traffic(ROWS * options.batches * len(ways), now, timedelta(hours=24))
    check = FrameCheck(tenant=None, now=now)
    times: dict[str, list[float]] = {way: [] for way in ways}
    with database() as db:
        for batch in range(options.batches * len(ways)):
            way = list(ways)[batch % len(ways)]
            table = check.check(rows.slice(batch * ROWS, ROWS)).table
            buffer = io.BytesIO()
            pyarrow.csv.write_csv(table, buffer, pyarrow.csv.WriteOptions(include_header=False))
            times[way].append(one(db, buffer, *ways[way]))
    for way, found in times.items():
        middle = statistics.median(found)
        print(f"{way:10s} {middle * 1e6 / ROWS:6.2f} us/row, {ROWS / middle:,.0f} rows/s on one connection")


def one(db: Database, buffer: io.BytesIO, trigger: bool, statement: str) -> float:
    """Seconds of one batch, from COPY to commit."""
    with db.owner() as connection:
        connection.execute(text(f"alter table auth_ops_logs {'enable' if trigger else 'disable'} trigger count_events"))
    started = time.perf_counter()
    with db.system() as connection, cursor_of(connection) as cursor:
        stage_csv(cursor, buffer.getbuffer())
        cursor.execute(statement)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
