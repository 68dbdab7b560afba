"""14 and 34: a person cancels the run in Prefect. That is no approval, and what was done is undone."""

from collections.abc import Callable
from typing import Any

import pytest

from spine.approval import ApprovalStatus
from spine.incident import IncidentStatus

pytestmark = pytest.mark.timeout(240)
Play = Callable[[], None]


def test_s14_cancelling_the_waiting_run_never_approves(played: Play) -> None:
    """The question is void, a later click does nothing, what ran without approval is taken back, people are told."""
    played()


def s14_cancelling_the_waiting_run_never_approves(robin: Any) -> None:
    asked = robin.tenant.asked()
    robin.stack.cancel(robin.tenant.incident().flow_run_id)
    _handed_over(robin)
    assert robin.answer(asked).status is ApprovalStatus.VOID
    assert "void" in robin.slack(asked)["code"]
    assert robin.form(asked.flow_run_id, **robin.filled()) != "ACCEPT"
    assert robin.answer(asked).status is ApprovalStatus.VOID
    robin.tenant.settled("rate_limit.strict")


def test_s14_cancelling_an_approved_run_compensates(played: Play) -> None:
    """The throttle is in force and the run waits for its verdict: cancelled, everything is taken back."""
    played()


def s14_cancelling_an_approved_run_compensates(robin: Any) -> None:
    before = robin.tenant.flags()
    asked = robin.tenant.asked()
    assert robin.slack(asked) == {}
    robin.tenant.until(robin.tenant.throttled, "the application reads the throttle")
    robin.stack.cancel(robin.tenant.incident().flow_run_id)
    _handed_over(robin)
    assert not robin.tenant.throttled()
    assert robin.tenant.flags() == before
    robin.tenant.settled("rate_limit.strict", "ip.throttle")


def test_s34_cancelling_a_run_at_work_compensates(played: Play) -> None:
    """Cancelled the moment it begins to mitigate: whatever it got to is taken back."""
    played()


def s34_cancelling_a_run_at_work_compensates(robin: Any) -> None:
    before = robin.tenant.flags()
    asked = robin.tenant.asked()
    assert robin.slack(asked) == {}
    robin.tenant.until(lambda: robin.tenant.status() is IncidentStatus.MITIGATING, "it mitigates", pause=0.01)
    robin.stack.cancel(robin.tenant.incident().flow_run_id)
    _handed_over(robin)
    assert not robin.tenant.throttled()
    assert robin.tenant.flags() == before
    robin.tenant.settled(*(lease.action_key for lease in robin.tenant.leases() if lease.applied_at))


def _handed_over(robin: Any) -> None:
    tenant = robin.tenant
    tenant.until(lambda: tenant.status() is IncidentStatus.ESCALATED, "people take over")
    tenant.until(lambda: not tenant.in_force(), "nothing is in force")
    assert any("its run was cancelled" in line for line in tenant.timeline())
    tenant.until(lambda: tenant.told("incident.escalated") == ["sent"], "people are told")
