"""The audit trail: appends a second (one by one, several writers, batched) and entries verified a second.

python -m benchmarks.audit [--entries 20000] [--writers 8] [--rounds 3]

Medians of the rounds. The yardsticks of the same run are the same texts inserted into a plain table, without a chain,
a commitment or a second reader of the text: one transaction each, and batched.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from benchmarks.server import database
from spine.audit import AuditAction, AuditEntry, entry
from spine.ids import TenantId, mint
from store import audit
from store.engine import Database

START = datetime(2026, 1, 1, tzinfo=UTC)
BATCH = 500
GOALS = {"single": 5_000, "batched": 80_000}
"""Appends a second. Source: the goals of the event store."""


def main() -> None:
    """Start a server, measure, remove it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=20_000)
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    rates: dict[str, list[float]] = {}
    with database() as opened:
        with opened.owner() as connection:
            connection.execute(text("create table plain(tenant_id text, id uuid primary key, entry text)"))
            connection.execute(text("grant insert on plain to opsspine_system"))
        for number in range(options.rounds):
            for name, rate in _round(opened, options.entries, options.writers, f"r{number}").items():
                rates.setdefault(name, []).append(rate)
    print(f"load of the machine afterwards: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for name, found in rates.items():
        print(f"{name:<64} {statistics.median(found):>9,.0f} a second")
    for name, goal in GOALS.items():
        best = max(statistics.median(found) for label, found in rates.items() if label.startswith(f"append, {name}"))
        print(f"goal of {name} appends: {goal:,} a second; reached {best / goal:.2f} of it")


def _round(opened: Database, entries: int, writers: int, name: str) -> dict[str, float]:
    """Every figure once, in chains of this round's own."""
    few = max(entries // 10, writers)
    each = few // writers
    ready = [made(TenantId(f"{name}.batched"), number) for number in range(entries)]

    def one_by_one(tenant: str, first: int, count: int) -> None:
        for number in range(first, first + count):
            with opened.system() as connection:
                audit.append_many(connection, TenantId(tenant), [made(TenantId(tenant), number)])

    def together(act: Callable[[int], None]) -> None:
        with ThreadPoolExecutor(writers) as pool:
            list(pool.map(act, range(writers)))

    def plain(count: int, batch: int) -> None:
        for start in range(0, count, batch):
            rows = [{"t": one.tenant_id, "id": mint(), "entry": "x" * 480} for one in ready[start : start + batch]]
            with opened.system() as connection:
                connection.execute(text("insert into plain values (:t, :id, :entry)"), rows)

    def batched() -> None:
        for start in range(0, entries, BATCH):
            with opened.system() as connection:
                audit.append_many(connection, TenantId(f"{name}.batched"), ready[start : start + BATCH])

    return {
        "append, single, one writer": _rate(few, lambda: one_by_one(f"{name}.single", 0, few)),
        f"append, single, {writers} writers, one chain": _rate(
            each * writers, lambda: together(lambda w: one_by_one(f"{name}.shared", w * few, each))
        ),
        f"append, single, {writers} writers, chains of their own": _rate(
            each * writers, lambda: together(lambda w: one_by_one(f"{name}.own{w}", 0, each))
        ),
        "yardstick: a plain insert, one transaction each, one writer": _rate(few, lambda: plain(few, 1)),
        f"append, batched, {BATCH} a transaction (entries already made)": _rate(entries, batched),
        f"yardstick: a plain insert, {BATCH} a transaction": _rate(entries, lambda: plain(entries, BATCH)),
        "verify": _rate(entries, lambda: _verify(opened, TenantId(f"{name}.batched"))),
    }


def made(tenant: TenantId, number: int) -> AuditEntry:
    """An entry of ordinary size, unlike every other."""
    return entry(
        tenant, AuditAction.ACTION_EXECUTED, actor="engine", at=START + timedelta(milliseconds=number),
        subject=f"lease:{number}", plan_hash="0" * 64, before={"state": "intended"}, after={"state": "active"},
        detail={"targets": ["203.0.113.0/24", "198.51.100.0/24"], "receipt": "f" * 64},
    )  # fmt: skip


def _verify(opened: Database, tenant: TenantId) -> None:
    with opened.system() as connection:
        bad = audit.verify(connection, tenant)
    assert bad is None, bad


def _rate(count: int, act: Callable[[], None]) -> float:
    """`count` by the seconds that `act` takes."""
    began = time.perf_counter()
    act()
    return count / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
