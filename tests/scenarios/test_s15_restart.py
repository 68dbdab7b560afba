"""15, 25 and 35: the whole spine is stopped and started again in the midst of three incidents."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest

from spine.lease import LeaseState

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def day(calm_stack: Any, cast: Callable[[Any], Any]) -> SimpleNamespace:
    """One incident waits for its approver, one has a throttle in force, one has just begun: down, and up again."""
    stack = calm_stack
    asked, held, begun = (cast(stack) for _ in range(3))
    with ThreadPoolExecutor(2) as pool:
        question, other = pool.map(lambda robin: robin.tenant.asked(), (asked, held))
    assert held.slack(other) == {}
    held.tenant.until(held.tenant.throttled, "the application reads the throttle")
    (lease,) = (one for one in held.tenant.leases() if one.action_key == "ip.throttle")
    begun.tenant.calm()
    begun.tenant.attack()
    stack.down()
    left = stack.now()
    stack.until(lambda: stack.now() > lease.expires_at, "its time is over", alone=True)
    back = stack.now()
    stack.up()
    return SimpleNamespace(stack=stack, asked=asked, question=question, held=held, begun=begun, left=left, back=back)


def test_s15_a_click_on_a_question_from_before_the_restart_works(day: SimpleNamespace) -> None:
    assert not day.asked.tenant.throttled()
    assert day.asked.slack(day.question) == {}
    day.asked.tenant.until(day.asked.tenant.throttled, "the application reads the throttle")


def test_s35_an_end_that_passed_meanwhile_is_made_up_for_and_its_lateness_recorded(day: SimpleNamespace) -> None:
    tenant = day.held.tenant
    assert not tenant.throttled(), "the flag lapses by itself, before anybody tidies up"
    tenant.until(lambda: not tenant.in_force(), "the leases have ended")
    (lease,) = (one for one in tenant.leases() if one.action_key == "ip.throttle")
    assert lease.state is LeaseState.REVERTED
    assert lease.late_seconds
    assert any("ip.throttle" in line and "s late" in line for line in tenant.timeline())
    tenant.settled("rate_limit.strict", "ip.throttle")


def test_s25_catching_up_opens_one_incident_and_starts_one_run(day: SimpleNamespace) -> None:
    """Runs that were due meanwhile do not pile up: a newer one has seen all they would."""
    stack, tenant = day.stack, day.begun.tenant
    tenant.until(tenant.approval, "a question")
    assert tenant.count("incidents") == 1
    assert len(tenant.audited("incident.opened")) == 1
    incident = {"incident_id": str(tenant.incident().id)}
    runs = [
        run for run in stack.runs(flows={"name": {"any_": ["failed_logins_spike"]}}) if run["parameters"] == incident
    ]
    assert len([run for run in runs if run["state"]["type"] != "CRASHED"]) == 1
    missed = Counter(
        run["state"]["type"] if "stale" not in str(run["state"]["message"]) else "stale"
        for run in stack.runs(flows={"name": {"any_": ["detect"]}})
        if run["auto_scheduled"] and day.left < datetime.fromisoformat(run["expected_start_time"]) < day.back
    )
    assert missed.total() >= 3, "the schedule went on while nobody was there"
    assert missed["COMPLETED"] <= 1, missed
    assert missed["CANCELLED"] + missed["stale"] >= missed.total() - 1, missed
