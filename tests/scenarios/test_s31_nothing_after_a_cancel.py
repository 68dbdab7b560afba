"""Scenario 31: cancelled or suspended in mid-flow, a run causes no further side effect."""

from typing import Any

import pytest

from spine.errors import Refused
from spine.lease import LeaseState
from tasks.cancelling import cancelled_by_hand
from tasks.leasing import apply_lease, intend_lease


def _intend(ledger: Any, action: str, fence: int, order: int) -> Any:
    return intend_lease(
        ledger.database, tenant=ledger.tenant, incident_id=ledger.incident, decision_id=ledger.decision,
        step=ledger.step(action, order=order), fence=fence, ports=ledger.ports,
    )  # fmt: skip


def test_s31_between_two_steps_the_second_is_not_even_meant(ledger: Any) -> None:
    fence = ledger.take()
    first = _intend(ledger, "rate_limit.strict", fence, 1)
    apply_lease(ledger.database, first.id, fence=fence, ports=ledger.ports)
    cancelled_by_hand(ledger.database, ledger.settings, ledger.incident, ledger.clock.now())
    with pytest.raises(Refused, match="newer"):
        _intend(ledger, "captcha.require", fence, 2)
    states = [row.state for row in ledger.rows("select state from leases")]
    assert states == [LeaseState.REVERTED.value]
    assert ledger.reads("auth.rateLimit.strict").value is False


def test_s31_between_intent_and_effect_the_effect_does_not_happen(ledger: Any) -> None:
    fence = ledger.take()
    meant = _intend(ledger, "rate_limit.strict", fence, 1)
    cancelled_by_hand(ledger.database, ledger.settings, ledger.incident, ledger.clock.now())
    with pytest.raises(Refused, match="newer"):
        apply_lease(ledger.database, meant.id, fence=fence, ports=ledger.ports)
    assert ledger.lease(meant.id).state is LeaseState.REVERTED
    assert ledger.reads("auth.rateLimit.strict").value is False
    assert ledger.rows("select 1 from flag_holds") == []


def test_s31_a_suspended_run_whose_incident_went_on_without_it_does_nothing_when_it_wakes(ledger: Any) -> None:
    old = ledger.take()
    ledger.take()
    with pytest.raises(Refused, match="newer"):
        _intend(ledger, "rate_limit.strict", old, 1)
    assert ledger.rows("select 1 from leases") == []
