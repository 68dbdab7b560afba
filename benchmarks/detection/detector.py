"""Detectors under one roof: the product, the peers, and any command of yours."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.detection.peer import PEERS
from benchmarks.detection.peer.alert import Peer, lines

Line = dict[str, Any]
Detector = Callable[[Path, float], list[Line]]
"""Takes a Parquet file of events and the days of history in it, gives lines of incidents.jsonl."""


def product(events: Path, history_days: float) -> list[Line]:
    """opsspine: what `opsspine backtest` replays, with the settings of this environment."""
    from spine.event import EventLimits
    from spine.settings import Settings
    from store.source import Source
    from tasks.backtesting import backtest, load

    limits = EventLimits(max_age=timedelta(days=20 * 365))
    rows, refused = load(Source(path=events, format="parquet", now=datetime.now(UTC), limits=limits))
    if refused:
        raise SystemExit(f"{refused} rows of {events} were refused by ingest; such a score would mean nothing.")
    return backtest(rows, Settings(), history_days=history_days, jobs=os.cpu_count() or 1).lines


def peer(rules: Peer) -> Detector:
    """A peer: it needs no history, and what it finds there is left out when scored."""
    return lambda events, history_days: lines(rules(pd.read_parquet(events)))


@dataclass(frozen=True, slots=True)
class Command:
    """A program of yours; `{events}`, `{out}` and `{history_days}` in its line are filled in."""

    text: str

    def __call__(self, events: Path, history_days: float) -> list[Line]:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "incidents.jsonl"
            filled = [part.format(events=events, out=out, history_days=history_days) for part in shlex.split(self.text)]
            subprocess.run(filled, check=True)
            return [json.loads(line) for line in out.read_text().splitlines() if line]


DETECTORS: dict[str, Detector] = {"opsspine": product, **{name: peer(rules) for name, rules in PEERS.items()}}


def detector(name: str) -> Detector:
    """The detector of that name, or the command that it is."""
    return DETECTORS.get(name) or Command(name)
