"""36 and 37. Each target has its own effect and its own end; what expired can be applied again."""

from datetime import timedelta

import pytest

from spine.errors import Refused
from spine.lease import LeaseState

KEY = "auth.ipDeny.enabled"


def test_s36_a_second_target_gets_its_own_hold_and_leaves_the_firsts_end_alone(ledger) -> None:
    first = ledger.apply(ledger.step("ip.block", "192.0.2.1", order=1, minutes=30))
    ledger.clock.advance(timedelta(minutes=20))
    second = ledger.apply(ledger.step("ip.block", "192.0.2.2", order=2, minutes=30))
    assert [ledger.reads(KEY, f"192.0.2.{n}").value for n in (1, 2, 3)] == [True, True, False]
    assert ledger.lease(first.id).expires_at == first.expires_at

    ledger.tend(minutes=11)
    assert [ledger.reads(KEY, f"192.0.2.{n}").value for n in (1, 2)] == [False, True]
    assert ledger.lease(second.id).state is LeaseState.ACTIVE
    ledger.tend(minutes=20)
    assert ledger.reads(KEY, "192.0.2.2").value is False


@pytest.mark.parametrize("minutes", [0, -5])
def test_s36_a_time_to_live_that_is_over_before_it_begins_is_refused(ledger, minutes: float) -> None:
    with pytest.raises(Refused, match="outside"):
        ledger.intend(ledger.step("ip.block", "192.0.2.1", minutes=minutes))
    assert ledger.rows("select from leases") == []


def test_s37_an_expired_mitigation_is_applied_again_and_takes_effect(ledger) -> None:
    first = ledger.apply(ledger.step("ip.block", "192.0.2.1", minutes=5))
    ledger.tend(minutes=6)
    assert ledger.reads(KEY, "192.0.2.1").value is False

    again = ledger.apply(ledger.step("ip.block", "192.0.2.1", minutes=5), plan=ledger.add_incident())
    assert again.id != first.id
    assert again.state is LeaseState.ACTIVE
    assert ledger.reads(KEY, "192.0.2.1").value is True


def test_s37_applied_again_before_the_expired_one_was_tidied_up(ledger) -> None:
    first = ledger.apply(ledger.step("ip.block", "192.0.2.1", minutes=5))
    ledger.clock.advance(timedelta(minutes=6))
    again = ledger.apply(ledger.step("ip.block", "192.0.2.1", minutes=5), plan=ledger.add_incident())
    ledger.tend()
    assert ledger.lease(first.id).state is LeaseState.REVERTED
    assert ledger.lease(again.id).state is LeaseState.ACTIVE
    assert ledger.reads(KEY, "192.0.2.1").value is True
