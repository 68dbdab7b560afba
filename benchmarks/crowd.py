"""Many incidents wait for an approval at once, then people decide them all within a minute. When are the effects there?

python -m benchmarks.crowd [--incidents 100] [--within-seconds 60] [--run-limit 8]

Starts a whole spine (Prefect server, runner, gateway, PostgreSQL with fsync on), attacks each tenant, waits until every
run is suspended, and decides as the gateway does: the one `decide()`, then the wake-up. A decision counts from its
time to the receipt of the last step it was asked about, which was read back; steps that need nobody's word came
before.
"""

import argparse
import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from prefect.settings import PREFECT_API_URL, temporary_settings
from sqlalchemy import text

from benchmarks.testbed import of_tests, stack
from deployments.gateway_ports import wake_port
from store.decide import decide

GOAL_SECONDS = 120
_HANDS = 4
"""Attackers, and people who decide, at once."""
_PATIENCE_SECONDS = 1200


def main() -> None:
    """Attack, wait, decide, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--incidents", type=int, default=100)
    parser.add_argument("--within-seconds", type=float, default=60)
    parser.add_argument("--run-limit", type=int, default=8)
    options = parser.parse_args()
    with stack(
        OPSSPINE_DECISION__PLAN_MINUTES="60", OPSSPINE_VERIFY__SETTLE_MINUTES="30", OPSSPINE_POLICY__TTL_SECONDS="{}",
        OPSSPINE_PREFECT__RUN_LIMIT=str(options.run_limit),
    ) as spine:  # fmt: skip
        spine.up()
        began = time.monotonic()
        tenants = _waiting(spine, options.incidents)
        print(f"{options.incidents} incidents wait for an approval after {time.monotonic() - began:.0f} s", flush=True)
        _decide_all(spine, tenants, options.within_seconds)
        spine.until(
            lambda: _effects(spine).n == options.incidents, "every decision has its effects", seconds=_PATIENCE_SECONDS
        )
        _report(spine, options.run_limit)


def _waiting(spine: Any, count: int) -> list[Any]:
    """Tenants under attack, each with a run that waits without a process."""
    tenants = [of_tests("tenant").Tenant(spine) for _ in range(count)]

    def attack(number: int) -> None:
        tenants[number].calm()
        tenants[number].attack(last=f"198.18.{number}")

    with ThreadPoolExecutor(_HANDS) as pool:
        list(pool.map(attack, range(count)))

    def all_wait() -> bool:
        with spine.database.system() as connection:
            asked = connection.execute(text("select count(*) from approvals where status = 'pending'")).scalar_one()
        paused = spine.prefect("/flow_runs/count", flow_runs={"state": {"type": {"any_": ["PAUSED"]}}})
        return bool(asked >= count and paused >= count)

    spine.until(all_wait, "every run waits", seconds=_PATIENCE_SECONDS, pause=1)
    return tenants


def _decide_all(spine: Any, tenants: list[Any], within: float) -> None:
    """One decision after the other, evenly over `within` seconds."""
    wake, settings, began = wake_port(spine.database), spine.settings, time.monotonic()

    def one(number: int) -> None:
        time.sleep(max(0.0, began + within * number / len(tenants) - time.monotonic()))
        question = tenants[number].approval()
        outcome = decide(
            spine.database, question.id, person=tenants[number].person, vote="approve", via="cli", reason="benchmark",
            totp=tenants[number].totp.now(), settings=settings,
        )  # fmt: skip
        assert outcome.counted, outcome.message
        with temporary_settings({PREFECT_API_URL: f"{spine.state['prefect_url']}/api"}):
            asyncio.run(wake(question.id))

    with ThreadPoolExecutor(_HANDS) as pool:
        list(pool.map(one, range(len(tenants))))
    print(f"all decided within {time.monotonic() - began:.0f} s", flush=True)


def _effects(spine: Any) -> Any:
    with spine.database.system() as connection:
        return connection.execute(_EFFECTS).one()


_EFFECTS = text("""
    select count(*) as n, max(seconds) as last, percentile_cont(0.5) within group (order by seconds) as p50,
           percentile_cont(0.95) within group (order by seconds) as p95
    from (select extract(epoch from max(l.applied_at) - a.decided_at)::float as seconds
          from approvals a join leases l on l.decision_id = a.decision_id and l.step = any(a.steps)
          where a.status = 'approved' group by a.id having count(l.applied_at) = cardinality(a.steps)) as done""")


def _report(spine: Any, run_limit: int) -> None:
    found = _effects(spine)
    goal = "met" if found.p95 <= GOAL_SECONDS else "MISSED"
    print(f"load of the machine afterwards: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(
        f"decision to effects, {found.n} incidents, {run_limit} runs at once: p50 {found.p50:.1f} s,"
        f" p95 {found.p95:.1f} s, last {found.last:.1f} s"
        f" (goal: p95 {GOAL_SECONDS} s, {found.p95 / GOAL_SECONDS:.2f} of it: {goal})"
    )


if __name__ == "__main__":
    main()
