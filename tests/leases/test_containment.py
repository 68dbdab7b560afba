"""Containment fails closed: it stays beyond its time, and pages, until people end it."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from spine.lease import LeaseState
from tasks.cancelling import cancelled_by_hand
from tasks.leasing import applying, revert_incident

KEY = "tenant.crossAccess.disabled"


def pages(ledger) -> int:
    """How often somebody was paged."""
    return len(ledger.rows("select distinct payload from outbox where topic = 'incident.escalated'"))


def test_it_stays_at_the_end_of_its_lease_and_pages_each_time(ledger) -> None:
    lease = ledger.apply(ledger.step("tenant.deny_cross", "globex"))
    for round in (1, 2, 3, 4, 5):
        (tended,) = ledger.tend(minutes=61)
        assert (tended.before, tended.after) == (LeaseState.ACTIVE, LeaseState.ACTIVE)
        assert ledger.reads(KEY, resourceTenant="globex").value is True
        assert pages(ledger) == round
    assert ledger.tend(minutes=1) == []
    assert ledger.lease(lease.id).expires_at > ledger.clock.now()


def test_it_does_not_lapse_while_everything_is_down(ledger) -> None:
    ledger.apply(ledger.step("tenant.deny_cross", "globex"))
    ledger.clock.advance(timedelta(hours=20))
    assert ledger.reads(KEY, resourceTenant="globex").value is True
    ledger.tend()
    ledger.clock.advance(timedelta(hours=20))
    assert ledger.reads(KEY, resourceTenant="globex").value is True


@pytest.mark.parametrize("down", [timedelta(minutes=61), timedelta(hours=40)], ids=["an hour", "beyond its hold"])
@pytest.mark.parametrize("dies_in", ["_activate", "_effect"])
def test_it_does_not_lapse_because_its_run_died_before_it_was_in_force(ledger, monkeypatch, dies_in: str, down) -> None:
    lease = ledger.intend(ledger.step("tenant.deny_cross", "globex"))

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(applying, dies_in, dies)
    with pytest.raises(KeyboardInterrupt):
        applying.apply_lease(ledger.database, lease.id, fence=0, ports=ledger.ports)
    monkeypatch.undo()
    ledger.clock.advance(down)
    ledger.tend()
    kept = ledger.lease(lease.id)
    assert kept.state is LeaseState.ACTIVE
    assert kept.expires_at > ledger.clock.now()
    assert ledger.reads(KEY, resourceTenant="globex").value is True
    assert pages(ledger) == 1


def test_a_run_that_comes_back_late_keeps_it_up(ledger, monkeypatch) -> None:
    step = ledger.step("tenant.deny_cross", "globex")
    lease = ledger.intend(step)
    monkeypatch.setattr(applying, "_effect", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        ledger.apply(step)
    monkeypatch.undo()
    ledger.clock.advance(timedelta(minutes=61))
    assert applying.apply_lease(ledger.database, lease.id, fence=0, ports=ledger.ports).state is LeaseState.ACTIVE
    assert pages(ledger) == 1


def test_what_its_run_left_ends_with_its_incident(ledger, monkeypatch) -> None:
    lease = ledger.intend(ledger.step("tenant.deny_cross", "globex"))
    monkeypatch.setattr(applying, "_activate", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        applying.apply_lease(ledger.database, lease.id, fence=0, ports=ledger.ports)
    monkeypatch.undo()
    with ledger.database.system() as connection:
        connection.execute(text("update incidents set status = 'resolved'"))
    ledger.tend(minutes=61)
    assert ledger.lease(lease.id).state is LeaseState.REVERTED


def test_people_end_it(ledger) -> None:
    before = ledger.flag(KEY)
    ledger.apply(ledger.step("tenant.deny_cross", "globex"))
    ledger.tend(minutes=61)
    (ended,) = revert_incident(ledger.database, ledger.incident, reason="it is fixed", ports=ledger.ports)
    assert ended.state is LeaseState.REVERTED
    assert ledger.flag(KEY) == before


def test_it_ends_with_its_incident(ledger) -> None:
    lease = ledger.apply(ledger.step("tenant.deny_cross", "globex"))
    with ledger.database.system() as connection:
        connection.execute(text("update incidents set status = 'resolved'"))
    ledger.tend(minutes=61)
    assert ledger.lease(lease.id).state is LeaseState.REVERTED


def test_cancelling_the_run_takes_everything_back_but_it(ledger) -> None:
    kept = ledger.apply(ledger.step("tenant.deny_cross", "globex"))
    eased = ledger.apply(ledger.step("rate_limit.strict", order=2))
    cancelled_by_hand(ledger.database, ledger.settings, ledger.incident, ledger.clock.now())
    assert (ledger.lease(kept.id).state, ledger.lease(eased.id).state) == (LeaseState.ACTIVE, LeaseState.REVERTED)
    assert ledger.reads(KEY, resourceTenant="globex").value is True


@pytest.mark.parametrize("status", ["rolling_back", "escalated"])
def test_the_engine_takes_everything_back_but_it(ledger, status: str) -> None:
    kept = ledger.apply(ledger.step("tenant.deny_cross", "globex"))
    eased = ledger.apply(ledger.step("rate_limit.strict", order=2))
    with ledger.database.system() as connection:
        connection.execute(text("update incidents set status = :status"), {"status": status})
    ended = revert_incident(
        ledger.database, ledger.incident, reason="it hurts", ports=ledger.ports, keep_containment=True
    )
    assert [lease.id for lease in ended] == [eased.id]
    ledger.tend(minutes=61)
    assert ledger.lease(kept.id).state is LeaseState.ACTIVE
