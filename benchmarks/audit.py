"""The audit trail: appends a second (one by one, several writers, batched) and entries verified a second.

python -m benchmarks.audit [--entries 20000] [--writers 4]
"""

import argparse
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from benchmarks.server import database
from spine.audit import AuditAction, AuditEntry, entry
from spine.ids import TenantId
from store import audit
from store.engine import Database

START = datetime(2026, 1, 1, tzinfo=UTC)
BATCH = 500


def made(tenant: TenantId, number: int) -> AuditEntry:
    """An entry of ordinary size, unlike every other."""
    return entry(
        tenant, AuditAction.ACTION_EXECUTED, actor="engine", at=START + timedelta(milliseconds=number),
        subject=f"lease:{number}", plan_hash="0" * 64, before={"state": "intended"}, after={"state": "active"},
        detail={"targets": ["203.0.113.0/24", "198.51.100.0/24"], "receipt": "f" * 64},
    )  # fmt: skip


def singles(opened: Database, tenant: TenantId, count: int, offset: int = 0) -> None:
    """One transaction an entry, from value to commit."""
    for number in range(offset, offset + count):
        with opened.system() as connection:
            audit.append_many(connection, tenant, [made(tenant, number)])


def report(label: str, count: int, began: float) -> None:
    """One line of the result."""
    seconds = time.perf_counter() - began
    print(f"{label:<58} {count / seconds:>12,.0f} a second")


def measure(opened: Database, entries: int, writers: int) -> None:
    """Every figure once, on one database."""
    few = max(entries // 10, writers)
    began = time.perf_counter()
    singles(opened, TenantId("single"), few)
    report("append, one transaction each, one writer", few, began)

    began = time.perf_counter()
    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(lambda w: singles(opened, TenantId("shared"), few // writers, w * few), range(writers)))
    report(f"append, one transaction each, {writers} writers, one chain", few // writers * writers, began)

    began = time.perf_counter()
    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(lambda w: singles(opened, TenantId(f"own{w}"), few // writers), range(writers)))
    report(f"append, one transaction each, {writers} writers, own chains", few // writers * writers, began)

    tenant = TenantId("batched")
    ready = [made(tenant, number) for number in range(entries)]
    began = time.perf_counter()
    for start in range(0, entries, BATCH):
        with opened.system() as connection:
            audit.append_many(connection, tenant, ready[start : start + BATCH])
    report(f"append, {BATCH} a transaction (entries already made)", entries, began)

    began = time.perf_counter()
    with opened.system() as connection:
        bad = audit.verify(connection, tenant)
    report(f"verify in Python ({'whole' if bad is None else bad})", entries, began)


def main() -> None:
    """Start a server, measure, remove it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=20_000)
    parser.add_argument("--writers", type=int, default=4)
    options = parser.parse_args()
    with database() as opened:
        measure(opened, options.entries, options.writers)


if __name__ == "__main__":
    main()
