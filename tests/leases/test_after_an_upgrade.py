"""A lease whose parameters nobody can read any more, after an upgrade, keeps no other one from being looked after."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from spine.lease import LeaseState
from tasks.leasing import revert_incident


@pytest.fixture
def unreadable(ledger: Any) -> Any:
    """Of an action whose parameter was renamed while its outcome was not known."""
    lease = ledger.intend(ledger.step("captcha.require", minutes=200))
    values = {"id": lease.id, "at": ledger.clock.now(), "end": ledger.clock.now() + timedelta(hours=3)}
    with ledger.database.system() as connection:
        connection.execute(
            text(
                "update leases set state = 'unknown', params = '{\"renamed\": 1}', pre_image = '{}',"
                " next_attempt_at = :at, expires_at = :end where id = :id"
            ),
            values,
        )
    return lease


def test_the_others_are_looked_after(ledger: Any, unreadable: Any) -> None:
    other = ledger.intend(ledger.step("ip.throttle", "203.0.113.0/24", minutes=30), plan=ledger.add_incident())
    tended = {one.lease_id: one for one in ledger.tend(minutes=16)}
    assert "renamed" in str(tended[unreadable.id].error)
    assert ledger.lease(other.id).state is not LeaseState.INTENDED


def test_the_others_of_its_incident_are_taken_back(ledger: Any, unreadable: Any) -> None:
    limit = ledger.apply(ledger.step("rate_limit.strict", order=2))
    ended = {
        one.id: one for one in revert_incident(ledger.database, ledger.incident, reason="over", ports=ledger.ports)
    }
    assert ended[limit.id].state is LeaseState.REVERTED
    assert ended[unreadable.id].state is LeaseState.REVERT_FAILED, "and somebody is paged"


def test_what_raises_is_raised_once_the_others_were_taken_back(ledger: Any) -> None:
    gone = ledger.apply(ledger.step("captcha.require", order=1))
    limit = ledger.apply(ledger.step("rate_limit.strict", order=2))
    with ledger.database.system() as connection:
        connection.execute(text("update leases set action_key = 'plugin.removed' where id = :id"), {"id": gone.id})
    with pytest.raises(Exception, match=r"plugin\.removed"):
        revert_incident(ledger.database, ledger.incident, reason="over", ports=ledger.ports)
    assert ledger.lease(limit.id).state is LeaseState.REVERTED
