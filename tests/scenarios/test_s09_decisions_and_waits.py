"""9 and 11: nobody answers, or somebody answers before the run has begun to wait."""

import os
import signal
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from spine.approval import ApprovalStatus, Code
from spine.incident import IncidentStatus

pytestmark = pytest.mark.timeout(240)
Play = Callable[[], None]


def test_s09_nobody_clicks(played: Play) -> None:
    """The approval expires, its run ends, nothing waits or holds a slot, people are told; a late click is too late."""
    played()


def s09_nobody_clicks(robin: Any) -> None:
    tenant, stack = robin.tenant, robin.stack
    asked = tenant.asked()
    with stack.database.owner() as connection:  # the rest of the five minutes passes
        connection.execute(
            text("update approvals set expires_at = :at where id = :id"),
            {"id": asked.id, "at": stack.now() + timedelta(seconds=2)},
        )
    tenant.until(lambda: tenant.status() is IncidentStatus.ESCALATED, "the incident is handed to people")
    assert robin.answer(asked).status is ApprovalStatus.EXPIRED
    tenant.until(lambda: stack.run(asked.flow_run_id)["state"]["type"] == "COMPLETED", "its run ends")
    assert stack.pid_of(asked.flow_run_id) is None
    assert "expired" in robin.slack(asked)["code"]
    tenant.until(lambda: tenant.told("incident.escalated") == ["sent"], "people are told")
    tenant.until(lambda: not tenant.in_force(), "what ran without approval has ended")
    tenant.settled("rate_limit.strict")
    assert not tenant.throttled()


def test_s11_a_decision_before_the_wait_is_honoured(played: Play) -> None:
    """Decided the instant the question exists, with and without a call that wakes the run: it acts in seconds."""
    played()


def s11_a_decision_before_the_wait_is_honoured(robin: Any) -> None:
    _attack(robin)
    asked = robin.tenant.until(robin.tenant.approval, "a question", seconds=120, pause=0.01)
    assert robin.slack(asked) == {}, "the click is taken"
    robin.tenant.until(robin.tenant.throttled, "the decision is honoured within seconds", seconds=45)


def test_s11_a_decision_before_the_wait_whose_call_is_lost_is_honoured(played: Play) -> None:
    """The run stands still before it waits, and nobody wakes it afterwards: the sweep finds it."""
    played()


def s11_a_decision_before_the_wait_whose_call_is_lost_is_honoured(robin: Any) -> None:
    stack, tenant = robin.stack, robin.tenant
    _attack(robin)
    pid = tenant.until(lambda: stack.pid_of(tenant.incident().flow_run_id), "a run at work", seconds=120, pause=0.05)
    try:
        asked = tenant.until(tenant.approval, "a question", pause=0.01)
        os.kill(pid, signal.SIGSTOP)
        assert robin.decide(asked).code is Code.DECIDED
    finally:
        os.kill(pid, signal.SIGCONT)
    tenant.until(tenant.throttled, "the sweep wakes the run")


def test_s11_a_run_whose_form_was_never_kept_is_replaced(played: Play) -> None:
    """Prefect suspends a run first and keeps its form then: killed in between, it refuses to wake, for ever."""
    played()


def s11_a_run_whose_form_was_never_kept_is_replaced(robin: Any) -> None:
    stack, tenant = robin.stack, robin.tenant
    asked = tenant.asked()
    url = f"{stack.state['prefect_url']}/api/flow_runs/{asked.flow_run_id}/input"
    state = stack.run(asked.flow_run_id)["state"]
    stack.http.delete(f"{url}/{state['state_details']['run_input_keyset']['schema']}").raise_for_status()
    assert robin.slack(asked) == {}
    tenant.until(tenant.throttled, "another run applies what was approved", seconds=150)
    assert stack.run(asked.flow_run_id)["state"]["type"] == "CRASHED"


def _attack(robin: Any) -> None:
    robin.tenant.calm()
    robin.tenant.attack()
