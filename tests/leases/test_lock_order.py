"""Whoever works on several incidents, or leases, locks them all before it audits: nobody waits in a circle."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from spine.finding import Finding
from spine.incident import IncidentKind, IncidentStatus
from spine.lease import LeaseState
from spine.severity import Severity
from store import incidents
from store.recorder import Recorder
from tasks.leasing import extend_incident, extending, revert_lease
from tasks.progress import escalate


@pytest.fixture
def amid(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, str], threading.Event]:
    """amid(owner, name) makes the first call of a function linger once it is done; the event says that it is."""

    def linger(owner: Any, name: str) -> threading.Event:
        real, there = getattr(owner, name), threading.Event()

        def slow(*args: Any, **named: Any) -> Any:
            done = real(*args, **named)
            if not there.is_set():
                there.set()
                time.sleep(0.5)
            return done

        monkeypatch.setattr(owner, name, slow)
        return there

    return linger


def test_a_tick_over_two_incidents_and_the_run_of_one(ledger: Any, amid: Any) -> None:
    told, now = amid(Recorder, "tell"), ledger.clock.now()

    def tick() -> int:
        with ledger.database.system() as connection:
            found = incidents.record(
                connection, [finding(ledger, "0"), finding(ledger, str(ledger.incident))], now,
                detect=ledger.settings.detect, notify=ledger.settings.notify,
            )  # fmt: skip
        return len(found)

    with ThreadPoolExecutor(1) as pool:
        ticking = pool.submit(tick)
        assert told.wait(30)
        with ledger.database.system() as connection:
            mine = incidents.get(connection, ledger.incident, lock=True)
            escalate(connection, ledger.settings, mine, "because", now)
        assert ticking.result() == 2
    with ledger.database.system() as connection:
        assert incidents.get(connection, ledger.incident).status is IncidentStatus.ESCALATED


def test_more_time_for_two_leases_and_the_end_of_one(ledger: Any, amid: Any) -> None:
    first = ledger.apply(ledger.step("ip.throttle", "203.0.113.0/24", minutes=30))
    second = ledger.apply(ledger.step("captcha.require", order=2, minutes=30))
    ledger.clock.advance(timedelta(minutes=10))
    prolonged = amid(extending, "prolonged")
    with ThreadPoolExecutor(1) as pool:
        extended = pool.submit(extend_incident, ledger.database, ledger.incident, ports=ledger.ports)
        assert prolonged.wait(30)
        ended = revert_lease(ledger.database, second.id, reason="a person's word", ports=ledger.ports)
        assert [one.id for one in extended.result()] == [first.id, second.id]
    assert ended.state is LeaseState.REVERTED


def test_more_time_leaves_out_what_ended_meanwhile(ledger: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ledger.apply(ledger.step("ip.throttle", "203.0.113.0/24", minutes=30))
    second = ledger.apply(ledger.step("captcha.require", order=2, minutes=30))
    ledger.clock.advance(timedelta(minutes=10))
    real = extending.leases.of_incident

    def outrun(*args: Any) -> Any:
        found = real(*args)
        ledger.end(second)
        return found

    monkeypatch.setattr(extending.leases, "of_incident", outrun)
    assert [one.id for one in extend_incident(ledger.database, ledger.incident, ports=ledger.ports)] == [first.id]


def finding(ledger: Any, subject: str) -> Finding:
    """One that opens, or grows, the incident of `subject`."""
    now = ledger.clock.now()
    return Finding(
        tenant_id=ledger.tenant, kind=IncidentKind.FAILED_LOGINS_SPIKE, detector="many_users", subject=subject,
        window_start=now - timedelta(minutes=5), window_end=now, n=900, observed={"failures": 900.0},
        threshold={"failures": 30.0}, margin=30.0, severity=Severity.HIGH, first_event_at=now - timedelta(minutes=4),
        last_event_at=now, addresses=("203.0.113.9",), users=("u1",),
    )  # fmt: skip
