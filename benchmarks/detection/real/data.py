"""Where the public data are, and how detectors are asked about them."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.detection.detector import detector
from benchmarks.detection.peer import PEERS

VARIABLE = "OPSSPINE_TEST_DATA"


class Absent(Exception):
    """The data are not here; the message says which, and what to set."""


def found(*names: str) -> list[Path]:
    """These files of the folder of public data.

    Raises:
        Absent: the folder, or one of them, is not there.
    """
    folder = Path(os.environ.get(VARIABLE, Path(__file__).parents[4] / "shared" / "data"))
    paths = [folder / name for name in names]
    if missing := [path.name for path in paths if not path.is_file()]:
        raise Absent(f"no {', '.join(missing)} in {folder}; set {VARIABLE} to the folder that has it, and run again")
    return paths


@dataclass(frozen=True, slots=True)
class Opened:
    """An alert of a peer, or an incident of any other detector."""

    at: pd.Timestamp
    type: str
    tenant: str | None
    addresses: frozenset[str]
    detectors: tuple[str, ...] = ()


def opened(name: str, events: pd.DataFrame, *, each_alert: bool = False) -> list[Opened]:
    """What a detector opens on events, without history, in order of time.

    `each_alert`: a peer tells every alert by itself, so that each address has a time of its own. An incident tells
    one time and all the addresses that it gathered until it ended.
    """
    if each_alert and name in PEERS:
        alerts = PEERS[name](events)
        told = [Opened(a.at, a.type, a.tenant, frozenset(a.addresses), (a.rule,)) for a in alerts]
    else:
        told = [_of(line) for line in _lines(name, events)]
    return sorted(told, key=lambda one: one.at)


def _lines(name: str, events: pd.DataFrame) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "events.parquet"
        events.to_parquet(file, index=False)
        return detector(name)(file, 0.0)


def _of(line: dict[str, Any]) -> Opened:
    evidence = line.get("evidence") or {}
    return Opened(
        pd.Timestamp(line["opened_at"]), line["type"], line.get("tenant_id"),
        frozenset(evidence.get("addresses") or ()), tuple(evidence.get("detectors") or ()),
    )  # fmt: skip


def normal_ip(address: str) -> str:
    """The one spelling of an address; an IPv4 address inside IPv6 (::ffff:192.0.2.1) is that IPv4 address."""
    parsed = ip_address(address)
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)


def event_frame(rows: pd.DataFrame, prefix: str) -> pd.DataFrame:
    """`rows` with every column of an event that they lack, an id each, in order of time."""
    empty = dict.fromkeys(("tenant_id", "user_id", "provider", "ip", "country", "user_agent"))
    full = rows.sort_values("occurred_at", kind="stable", ignore_index=True)
    full = full.assign(**{name: value for name, value in empty.items() if name not in full})
    full.insert(0, "id", [f"{prefix}-{number:07d}" for number in range(len(full))])
    return full[["id", "type", "occurred_at", *empty]]
