"""More time for what is in force: lease and hold move together, within bounds, and never after their end."""

from datetime import timedelta
from typing import Any

from tasks.leasing import extend_incident


def _end_of_hold(ledger: Any) -> Any:
    from store import flag_holds

    with ledger.database.system() as connection:
        (hold,) = flag_holds.holds_of(connection, ledger.tenant)
    return hold.expires_at


def test_a_lease_and_its_hold_last_their_time_to_live_again(ledger: Any) -> None:
    lease = ledger.apply(ledger.step("ip.throttle", "203.0.113.0/24", minutes=30))
    ledger.clock.advance(timedelta(minutes=20))
    (longer,) = extend_incident(ledger.database, ledger.incident, ports=ledger.ports)
    assert longer.expires_at == ledger.clock.now() + timedelta(minutes=30)
    assert longer.expires_at > lease.expires_at
    assert _end_of_hold(ledger) == longer.expires_at


def test_no_lease_outlasts_the_longest_time_its_action_allows(ledger: Any) -> None:
    lease = ledger.apply(ledger.step("rate_limit.strict", minutes=200, scope="address", per_minute=10))
    ledger.clock.advance(timedelta(minutes=190))
    (longer,) = extend_incident(ledger.database, ledger.incident, ports=ledger.ports)
    assert longer.expires_at == lease.applied_at + timedelta(minutes=240)


def test_what_has_ended_stays_ended(ledger: Any) -> None:
    lease = ledger.apply(ledger.step("ip.throttle", "203.0.113.0/24", minutes=30))
    ledger.clock.advance(timedelta(minutes=31))
    assert extend_incident(ledger.database, ledger.incident, ports=ledger.ports) == []
    ledger.end(lease)
    assert extend_incident(ledger.database, ledger.incident, ports=ledger.ports) == []
