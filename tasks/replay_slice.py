"""A long replay cut into slices of time that are played at once, each by a process with a database of its own.

A slice begins a day early: what is live when it begins to count has opened by then, and is the slice's before, which
tells of it. Whatever lives on across the border is told with the evidence it had there.
"""

import multiprocessing
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import pyarrow as pa

from spine.errors import Broken
from tasks.advising import Runbooks
from tasks.replay import MINUTE, Progress, Replay, Report, Slice, cluster_in

LEAD = timedelta(days=1)
"""No incident of the kinds we know is live for longer without a new event; see ADR 11."""
_SHORTEST = timedelta(days=3)
"""A shorter slice would be mostly lead."""
_TOLD_EVERY = 20
"""Minutes of a slice between two signs of progress."""


def cut(start: datetime, minutes: int, jobs: int) -> list[Slice]:
    """The slices of a replay of so many minutes from `start`: at most `jobs`, of equal work."""
    whole = minutes * MINUTE
    count = max(min(jobs, whole // _SHORTEST), 1)
    each = round((whole + (count - 1) * LEAD) / count / MINUTE) * MINUTE
    found, begin = [], start
    for number in range(count):
        lead = begin - LEAD if number else begin
        end = start + whole if number == count - 1 else lead + each
        found.append(Slice(lead, begin, end))
        begin = end
    return found


@dataclass(frozen=True, slots=True)
class _Order:
    """What one process has to do."""

    folder: Path
    events: Path
    replay: Replay
    slice: Slice
    runbooks: Callable[[], Runbooks]


def replayed_in_slices(
    replay: Replay, slices: Sequence[Slice], folder: Path, runbooks: Callable[[], Runbooks], progress: Progress
) -> Report:
    """Play every slice from a copy of the stopped server in `folder`, all at once.

    Raises:
        Broken: a process failed; the others were ended.
    """
    events = folder / "events.arrow"
    with pa.OSFile(str(events), "wb") as file, pa.ipc.new_file(file, replay.table.schema) as writer:
        writer.write_table(replay.table)
    orders = []
    for number, slice_ in enumerate(slices):
        copy = _copied(folder, folder / f"slice-{number}") if number else folder
        bare = Replay(
            table=None, settings=replay.settings, tenant=replay.tenant, history=replay.history, position=replay.position
        )
        orders.append(_Order(copy, events, bare, slice_, runbooks))
    return _merged(_gathered(orders, progress))


def _copied(cluster: Path, copy: Path) -> Path:
    """A copy of a stopped server's folder, with the owners of its files."""
    copy.mkdir()
    copy.chmod(0o755)
    for part in ("data", "password"):
        subprocess.run(["cp", "-a", "--", str(cluster / part), str(copy / part)], check=True)
    return copy


def _gathered(orders: Sequence[_Order], progress: Progress) -> list[Report]:
    spawn = multiprocessing.get_context("spawn")
    running: dict[Any, tuple[int, Any]] = {}
    for number, order in enumerate(orders):
        ours, theirs = spawn.Pipe(duplex=False)
        process = spawn.Process(target=_play, args=(order, theirs), daemon=True)
        process.start()
        theirs.close()
        running[ours] = number, process
    try:
        return _heard(running, sum(order.slice.minutes for order in orders), progress)
    finally:
        for _, process in running.values():
            process.terminate()
        for _, process in running.values():
            process.join()


def _heard(running: dict[Any, tuple[int, Any]], total: int, progress: Progress) -> list[Report]:
    """What the processes tell, until each has told its report."""
    done: dict[int, int] = dict.fromkeys(range(len(running)), 0)
    reports: dict[int, Report] = {}
    open_ = dict(running)
    while open_:
        for ours in list[Any](wait(list(open_))):
            number, _ = open_[ours]
            try:
                told = ours.recv()
            except EOFError as error:
                raise Broken(f"The process that replays slice {number + 1} ended without a word; see above.") from error
            if isinstance(told, Report):
                reports[number] = told
                del open_[ours]
            else:
                done[number] = told
                progress(sum(done.values()), total)
    return [reports[number] for number in sorted(reports)]


def _play(order: _Order, told: "Connection[Any, Any]") -> None:
    """Play one slice; runs in a process of its own, and stops its server however it is ended."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's to answer
    with pa.memory_map(str(order.events)) as file:
        order.replay.table = pa.ipc.open_file(file).read_all()
        with cluster_in(order.folder) as cluster:

            def progress(done: int, total: int) -> None:
                if done % _TOLD_EVERY == 0 or done == total:
                    told.send(done)

            report = order.replay.played(cluster, order.slice, order.runbooks(), progress)
        told.send(report)


def _merged(reports: Sequence[Report]) -> Report:
    lines = [line for report in reports for line in report.lines]
    return Report(
        lines=sorted(lines, key=lambda line: str(line["opened_at"])),
        events=reports[0].events,
        refused=sum(report.refused for report in reports),
        ticks=sum(report.ticks for report in reports),
        skipped=sum(report.skipped for report in reports),
    )
