"""29 and 30: a run dies, or is only said to have died. One run works on an incident, and its effects happen once."""

import os
import signal
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from spine.incident import IncidentStatus

pytestmark = pytest.mark.timeout(240)
Play = Callable[[], None]


def test_s29_a_killed_run_is_picked_up_again(played: Play) -> None:
    """SIGKILL of the run's process as it takes the incident, and again once it was approved: another goes on."""
    played()


def s29_a_killed_run_is_picked_up_again(robin: Any) -> None:
    tenant, stack = robin.tenant, robin.stack
    tenant.calm()
    tenant.attack()
    first = tenant.until(lambda: _working(robin, 1), "a run takes the incident", seconds=90, pause=0.03)
    os.kill(stack.pid_of(first), signal.SIGKILL)
    asked = tenant.until(tenant.waited_for, "another run asks, and waits", seconds=150)
    assert asked.flow_run_id != first
    fence = tenant.incident().fence
    assert robin.slack(asked) == {}
    again = tenant.until(lambda: _working(robin, fence + 1), "the run goes on", pause=0.03)
    os.kill(stack.pid_of(again), signal.SIGKILL)
    tenant.until(tenant.throttled, "another run applies what was approved", seconds=90)
    with tenant.life():
        tenant.ends()
    tenant.settled("rate_limit.strict", "ip.throttle")


def test_s30_a_run_marked_crashed_but_alive_is_fenced_out(played: Play) -> None:
    """A run stands still, is marked crashed, another finishes its work; awake again, it changes nothing."""
    played()


def s30_a_run_marked_crashed_but_alive_is_fenced_out(robin: Any) -> None:
    tenant, stack = robin.tenant, robin.stack
    asked = tenant.asked()
    fence = tenant.incident().fence
    assert robin.slack(asked) == {}
    old = tenant.until(lambda: _working(robin, fence + 1), "the run goes on", pause=0.03)
    pid = stack.pid_of(old)
    _freeze(stack, pid)
    try:
        stack.prefect(f"/flow_runs/{old}/set_state", state={"type": "CRASHED", "name": "Crashed"}, force=True)
        tenant.until(tenant.throttled, "another run applies what was approved", seconds=90)
        tenant.until(lambda: tenant.incident().status is IncidentStatus.VERIFYING, "it has written what it did")
        assert tenant.incident().flow_run_id != old
        written = tenant.audited("action.executed")
    finally:
        os.kill(pid, signal.SIGCONT)
    tenant.until(lambda: stack.pid_of(old) is None, "the old run has ended")
    assert tenant.audited("action.executed") == written
    tenant.until(lambda: "was taken over" in stack.run(old)["state"]["message"], "it says that a newer run took over")
    assert stack.run(old)["state"]["type"] != "FAILED", "nothing has failed"
    tenant.until(lambda: not tenant.in_force(), "the leases have ended")
    tenant.settled("rate_limit.strict", "ip.throttle")


def _working(robin: Any, fence: int) -> UUID | None:
    """The run that has taken the incident with this token, while its process lives."""
    incident = robin.tenant.incident()
    if incident is None or incident.fence != fence or robin.stack.pid_of(incident.flow_run_id) is None:
        return None
    return incident.flow_run_id


def _freeze(stack: Any, pid: int) -> None:
    """Stop the process, at a moment at which it holds no lock that others would wait for."""
    query = text(
        "select count(*) from pg_stat_activity a join pg_locks l using (pid) where a.application_name = 'flow'"
        " and a.state = 'idle in transaction' and l.locktype = 'transactionid'"
    )
    while True:
        os.kill(pid, signal.SIGSTOP)
        with stack.database.owner() as connection:
            if not connection.execute(query).scalar():
                return
        os.kill(pid, signal.SIGCONT)
