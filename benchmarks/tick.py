"""The tick at growing numbers of stored events, beside other engines on the same question in the same run.

python -m benchmarks.tick [--events 1000000 10000000 50000000] [--tenants 200] [--ticks 60] [--no-peers]
                          [--under-ingest]

Events of 28 days are made (benchmarks/history.py). Then ticks run at the end of that time, 200 fresh events before
each: `fold` is what the fresh events cost, `frames` all window frames as pandas, `tick` both, `series` the one grouped
query with the baselines joined. The peers (benchmarks/peer.py) are asked what `series` answers, of raw events; their
answers must be the same.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count as numbers
from multiprocessing import get_context
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection

from benchmarks.history import export, fill
from benchmarks.peer import Peer, Question, Row, found
from benchmarks.server import database
from benchmarks.traffic import traffic
from store.bulk import ingest_frame
from store.engine import Database
from store.fold import fold
from store.frames import read_frames, read_series
from store.profile import hour_of

Times = dict[str, list[float]]
_BATCH = 20_000
T = TypeVar("T")


def main() -> None:
    """Make the events, tick, ask the peers, print; the growth at the end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--tenants", type=int, default=200)
    parser.add_argument("--ticks", type=int, default=60)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--under-ingest", action="store_true")
    options = parser.parse_args()
    peers = {} if options.no_peers else found()
    medians = {}
    for events in options.events:
        now = hour_of(datetime.now(UTC)) + timedelta(minutes=40)
        with database() as db, tempfile.TemporaryDirectory(prefix="opsspine-bench-") as folder:
            began = time.perf_counter()
            fill(db, events, options.tenants, now)
            print(f"{events:,} events of {options.tenants:,} tenants, filled in {time.perf_counter() - began:.0f} s")
            files = export(db, Path(folder), now) if peers else []
            ours = read(db, partial(read_series, now=now))
            times = ticks(db, now, options.ticks)
            told: Times = {}
            for name, (version, kind) in peers.items():
                told |= asked(f"{name} {version}", kind(), Path(folder), files, now, options.ticks, ours)
            if options.under_ingest:
                told |= under_ingest(db, now + timedelta(seconds=options.ticks), options.ticks)
        medians[events] = report(times, told)
    if len(medians) > 1:
        least, most = min(medians), max(medians)
        for name in medians[most]:
            print(f"growth of {name} from {least:,} to {most:,}: {medians[most][name] / medians[least][name]:.2f}x")


def ticks(db: Database, now: datetime, count: int) -> Times:
    """Seconds of the parts of `count` ticks, one a second."""
    times: Times = {"tick": [], "fold": [], "frames": [], "series": []}
    for number in range(count):
        moment = now + timedelta(seconds=number)
        fresh = traffic(200, moment, timedelta(seconds=1), seed=round(moment.timestamp()))
        ingest_frame(db, fresh, tenant_id=None, now=moment)
        for name, act in (
            ("fold", fold),
            ("frames", partial(read_frames, now=moment)),
            ("series", partial(read_series, now=moment)),
        ):
            times[name].append(_timed(partial(read, db, act)))
        times["tick"].append(times["fold"][-1] + times["frames"][-1])
    seen = read(db, partial(read_frames, now=now))
    print("  " + ", ".join(f"{len(getattr(seen, n)):,} {n}" for n in ("series", "logins", "addresses", "unknown")))
    return times


def under_ingest(db: Database, now: datetime, count: int) -> Times:
    """Seconds of the parts of `count` ticks while another process ingests; prints how much it did."""
    spawn = get_context("spawn")
    stop, rows = spawn.Event(), spawn.Value("q", 0)
    feeder = spawn.Process(target=_feed, args=(db.url, now, stop, rows))
    feeder.start()
    try:
        while not rows.value:
            time.sleep(0.1)
        before, began = rows.value, time.perf_counter()
        times = ticks(db, now, count)
        print(f"  {(rows.value - before) / (time.perf_counter() - began):,.0f} rows a second were ingested meanwhile")
    finally:
        stop.set()
        feeder.join()
    return {f"{name}, under ingest": seconds for name, seconds in times.items()}


def _feed(url: str, now: datetime, stop: Event, rows: "Synchronized[int]") -> None:
    """Ingest until `stop`: batches of the last day's events."""
    db = Database(url)
    for seed in numbers(1_000):
        if stop.is_set():
            break
        ingest_frame(db, traffic(_BATCH, now, timedelta(days=1), seed=seed), tenant_id=None, now=now)
        rows.value += _BATCH
    db.close()


def asked(name: str, peer: Peer, folder: Path, files: list[Path], now: datetime, count: int, ours: list[Row]) -> Times:
    """Seconds of `count` answers of a peer, once it has the events and has answered as we do; of its counts too."""
    peer.fill(files, folder)
    _same(ours, peer.ask(Question(now)))
    questions = [Question(now + timedelta(seconds=number)) for number in range(count)]
    return {
        name: [_timed(partial(peer.ask, question)) for question in questions],
        f"{name}, counts alone": [_timed(partial(peer.count, question)) for question in questions],
    }


def report(times: Times, told: Times) -> dict[str, float]:
    """Print medians, 95 of 100 and ratios; returns the medians (s)."""
    print(f"  load of the machine afterwards: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    middle = {name: statistics.median(seconds) for name, seconds in (times | told).items()}
    for name, seconds in (times | told).items():
        high = sorted(seconds)[int(len(seconds) * 0.95)]
        line = f"  {name:28s} p50 {middle[name] * 1000:7.1f} ms   p95 {high * 1000:7.1f} ms"
        print(line + (f"   {middle[name] / middle['series']:6.1f} x series" if name in told else ""), flush=True)
    return middle


def read(db: Database, act: Callable[[Connection], T]) -> T:
    """What one act in a transaction of its own gives."""
    with db.system() as connection:
        return act(connection)


def _timed(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def _same(ours: list[Row], theirs: list[Row]) -> None:
    """Raises when a peer counted otherwise: then it was asked something else."""
    assert len(ours) == len(theirs), f"{len(ours)} series here, {len(theirs)} there"
    for one, other in zip(sorted(ours), sorted(theirs), strict=True):
        near = all(abs(a - b) < 1e-6 for a, b in zip(one[2:], other[2:], strict=True))
        assert near, f"{one} here, {other} there"
        assert one[:2] == other[:2], f"{one} here, {other} there"


if __name__ == "__main__":
    main()
