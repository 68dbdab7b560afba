"""Ingest: rows/s from a Parquet file to counted events, and how far that is from the fastest there is.

    python benchmarks/ingest.py [--rows 500000] [--rounds 3]

The yardstick is a plain COPY of the same rows into an unlogged table without index, trigger or rollup, by one
connection, in the same run. Both are told as the median of the rounds; a round does one after the other, so
that a busy machine slows both.
"""

import argparse
import io
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from sqlalchemy import text

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.server import database
from benchmarks.traffic import traffic
from store.bulk import ingest_frame
from store.columnar import FrameCheck
from store.engine import Database
from store.fold import fold
from store.stage import cursor_of


def main() -> None:
    """Run the rounds and print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    now = datetime.now(UTC)
    rates, raws = [], []
    for number in range(options.rounds):
        table = traffic(options.rows, now, timedelta(hours=24), seed=number + 1)
        with database() as db, tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "events.parquet"
            pyarrow.parquet.write_table(table, file)
            rates.append(options.rows / spine(db, file, now))
            raws.append(options.rows / raw_copy(db, table, now))
            with db.system() as connection:
                started = time.perf_counter()
                folded = fold(connection)
                folding = time.perf_counter() - started
        assert folded == options.rows
        print(f"round {number + 1}: {rates[-1]:,.0f} rows/s, raw COPY {raws[-1]:,.0f} rows/s, fold {folding:.2f} s")
    rate, raw = statistics.median(rates), statistics.median(raws)
    print(f"ingest {rate:,.0f} rows/s; raw COPY {raw:,.0f} rows/s; ratio {raw / rate:.1f}x ({options.rows:,} rows)")


def spine(db: Database, file: Path, now: datetime) -> float:
    """Seconds from the file to committed, counted, idempotent rows."""
    started = time.perf_counter()
    report = ingest_frame(db, _batches(file), tenant_id=None, now=now)
    elapsed = time.perf_counter() - started
    assert not report.refused
    return elapsed


def raw_copy(db: Database, table: pa.Table, now: datetime) -> float:
    """Seconds for the yardstick."""
    ready = FrameCheck(tenant=None, now=now).check(table).table
    buffer = io.BytesIO()
    pyarrow.csv.write_csv(ready, buffer, pyarrow.csv.WriteOptions(include_header=False))
    columns = ", ".join(ready.column_names)
    with db.owner() as connection:
        connection.execute(text(f"create unlogged table raw as select {columns} from auth_ops_logs limit 0"))
    with db.owner() as connection, cursor_of(connection) as cursor:
        started = time.perf_counter()
        with cursor.copy("copy raw from stdin (format csv)") as copy:
            copy.write(buffer.getbuffer())
    return time.perf_counter() - started


def _batches(file: Path) -> Iterator[pa.Table]:
    for batch in pyarrow.parquet.ParquetFile(file).iter_batches(50_000):
        yield pa.Table.from_batches([batch])


if __name__ == "__main__":
    main()
