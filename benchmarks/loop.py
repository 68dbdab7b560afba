"""Times of the whole spine as processes: ready, idle, login to incident and prompt, click to effect.

    python -m benchmarks.loop [--tenants 20] [--idle-seconds 60]

Starts its own spine in a temporary folder (PostgreSQL with fsync on), plays an attack on each of `--tenants`
tenants, and approves one question after the other as the gateway does: the one `decide()`, then the wake-up.
Percentiles are of those runs; quote them with the number of tenants and the machine.
"""

import argparse
import asyncio
import os
import statistics
import time
from pathlib import Path
from typing import Any

from prefect.settings import temporary_settings

from benchmarks.testbed import of_tests, stack
from store.decide import decide


def main() -> None:
    """Run everything and print one figure a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tenants", type=int, default=20)
    parser.add_argument("--idle-seconds", type=float, default=60)
    chosen = parser.parse_args()
    _ready_and_idle(chosen.idle_seconds)
    _responses(chosen.tenants)


def _ready_and_idle(seconds: float) -> None:
    """Cold and warm start, then CPU at rest, at the default interval of 30 s."""
    with stack(OPSSPINE_DETECT__INTERVAL_SECONDS="30") as spine:
        print(f"ready cold: {_timed(spine.up):.1f} s")
        spine.down()
        print(f"ready warm: {_timed(spine.up):.1f} s")
        time.sleep(35)  # the first turns of the schedules, and their imports, are over
        before, began = _cpu(spine), time.monotonic()
        time.sleep(seconds)
        spent = _cpu(spine) - before
        share = spent / (time.monotonic() - began)
        print(f"idle: {share:.1%} of one core, {_memory(spine):.0f} MB (proportional)")


def _responses(count: int) -> None:
    with stack(OPSSPINE_DECISION__PLAN_MINUTES="15", OPSSPINE_VERIFY__SETTLE_MINUTES="10") as spine:
        spine.up()
        from deployments.gateway_ports import wake_port

        wake = wake_port(spine.database)
        tenants = [of_tests("tenant").Tenant(spine) for _ in range(count)]
        detected, prompted = [], []
        for tenant in tenants:
            tenant.calm()
            began = time.monotonic()
            tenant.attack()
            spine.until(tenant.incident, "an incident", seconds=60)
            detected.append(time.monotonic() - began)
            spine.until(tenant.approval, "a prompt", seconds=120)
            prompted.append(time.monotonic() - began)
        for tenant in tenants:
            spine.until(lambda t=tenant: t.suspended(t.approval().flow_run_id), "the run waits")
        waiting = min(_runs(spine) for _ in range(50))
        effects = [_click(spine, tenant, wake) for tenant in tenants]
        print(f"login over the threshold -> incident: {_percentiles(detected)} (interval 5 s, {count} tenants in turn)")
        print(f"login over the threshold -> prompt's row: {_percentiles(prompted)}")
        print(f"processes of runs while {count} approvals wait, between two turns of the schedules: {waiting}")
        print(f"approve -> flag read back over OFREP: {_percentiles(effects)}")


def _click(spine: Any, tenant: Any, wake: Any) -> float:
    """Seconds from the decision's call to the first read of the held flag."""
    question = tenant.approval()
    began = time.monotonic()
    outcome = decide(
        spine.database, question.id, person=tenant.person, vote="approve", via="cli", reason="benchmark",
        totp=tenant.totp.now(), settings=spine.settings,
    )  # fmt: skip
    assert outcome.counted, outcome.message
    from prefect.settings import PREFECT_API_URL

    with temporary_settings({PREFECT_API_URL: f"{spine.state['prefect_url']}/api"}):
        asyncio.run(wake(question.id))
    while not tenant.throttled():
        time.sleep(0.02)
    return time.monotonic() - began


def _percentiles(values: list[float]) -> str:
    ordered = sorted(values)
    high = ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))]
    return f"p50 {statistics.median(ordered):.2f} s, p95 {high:.2f} s, n = {len(ordered)}"


def _timed(call: Any) -> float:
    began = time.monotonic()
    call()
    return time.monotonic() - began


def _tree(spine: Any) -> list[int]:
    """The supervisor, everything below it, and its PostgreSQL."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = entry.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        parents[int(entry.parent.name)] = int(words[1])
    roots = {spine.process.pid, int((spine.folder / "postgres/data/postmaster.pid").read_text().split()[0])}
    found = set(roots)
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found)


def _cpu(spine: Any) -> float:
    """CPU seconds of the tree so far, of ended children too."""
    total = 0
    for pid in _tree(spine):
        try:
            words = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += sum(int(word) for word in words[11:15])
    return total / os.sysconf("SC_CLK_TCK")


def _memory(spine: Any) -> float:
    """Proportional set size of the tree (MB)."""
    total = 0
    for pid in _tree(spine):
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def _runs(spine: Any) -> int:
    """Processes of runs: those that wait, and whatever schedule has its turn just now."""
    time.sleep(0.2)
    return sum("prefect.engine" in _command(pid) for pid in _tree(spine))


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


if __name__ == "__main__":
    main()
