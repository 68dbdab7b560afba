"""38. Two incidents hold one flag: rolling one back keeps the other's hold."""

import pytest

from tasks.leasing import revert_incident

KEY = "auth.rateLimit.strict"


@pytest.mark.parametrize("first_to_end", [0, 1])
def test_s38_rolling_one_incident_back_keeps_the_others_hold(ledger, first_to_end: int) -> None:
    ledger.put(KEY, on=False, perMinute=60)
    before = ledger.flag(KEY)
    plans = [(ledger.incident, ledger.decision), ledger.add_incident()]
    for plan, rate in zip(plans, (5, 9), strict=True):
        ledger.apply(ledger.step("rate_limit.strict", per_minute=rate), plan=plan)
    assert (ledger.reads(KEY).value, ledger.reads(KEY).metadata["perMinute"]) == (True, 5)

    revert_incident(ledger.database, plans[first_to_end][0], reason="over", ports=ledger.ports)
    left = ledger.reads(KEY)
    assert (left.value, left.metadata["perMinute"]) == (True, (9, 5)[first_to_end])

    revert_incident(ledger.database, plans[1 - first_to_end][0], reason="over", ports=ledger.ports)
    assert ledger.flag(KEY) == before
    assert ledger.reads(KEY).value is False


def test_s38_the_same_networks_held_twice_stay_held_until_both_end(ledger) -> None:
    key = "auth.ipThrottle.enabled"
    plans = [(ledger.incident, ledger.decision), ledger.add_incident()]
    for plan in plans:
        ledger.apply(ledger.step("ip.throttle", "203.0.113.0/24"), plan=plan)
    for plan, still in zip(plans, (True, False), strict=True):
        revert_incident(ledger.database, plan[0], reason="over", ports=ledger.ports)
        assert ledger.reads(key, "203.0.113.9").value is still
