"""28 and 30. A run that was taken for dead comes back: its token is old, and every effect is refused."""

import threading
from dataclasses import replace

import pytest

from spine.errors import Refused
from spine.lease import LeaseState
from tasks.leasing import apply_lease, revert_lease

KEY = "auth.ipDeny.enabled"


def test_s28_a_stale_worker_is_refused_before_any_effect(ledger) -> None:
    stale = ledger.take()
    lease = ledger.intend(ledger.step("ip.block", "203.0.113.0/24"), fence=stale)
    newer = ledger.take()
    with pytest.raises(Refused) as refusal:
        apply_lease(ledger.database, lease.id, fence=stale, ports=ledger.ports)
    assert refusal.value.code == "lease.fenced"
    assert ledger.lease(lease.id).state is LeaseState.INTENDED
    assert ledger.audited("flag.changed") == []

    taken = apply_lease(ledger.database, lease.id, fence=newer, ports=ledger.ports)
    assert (taken.state, taken.fence) == (LeaseState.ACTIVE, newer)
    with pytest.raises(Refused):
        apply_lease(ledger.database, lease.id, fence=stale, ports=ledger.ports)


def test_s28_a_stale_worker_cannot_even_mean_something_new(ledger) -> None:
    stale = ledger.take()
    ledger.take()
    with pytest.raises(Refused) as refusal:
        ledger.intend(ledger.step("captcha.require"), fence=stale)
    assert refusal.value.code == "lease.fenced"
    assert ledger.rows("select from leases") == []


class SleepyClock:
    """Falls asleep at its second look: APPLYING is committed, the effect has not begun."""

    def __init__(self, real) -> None:
        self.real, self.looks = real, 0
        self.asleep, self.wake = threading.Event(), threading.Event()

    def now(self):
        self.looks += 1
        if self.looks == 2:
            self.asleep.set()
            self.wake.wait(10)
        return self.real.now()


def test_s30_a_run_marked_crashed_but_alive_has_no_later_effect(ledger) -> None:
    """It sleeps between its intent and its effect; meanwhile its lease is taken back. Then it wakes."""
    clock = SleepyClock(ledger.clock)
    real = ledger.ports.actions["ip.block"]

    class Sleepy:
        spec = real.spec
        pre_image, revert, read_back = real.pre_image, real.revert, real.read_back

        def apply(self, *args, **kwargs):
            raise AssertionError("never reached: the transaction before it refuses")

    ports = replace(ledger.ports, clock=clock, actions={"ip.block": Sleepy()})
    fence = ledger.take()
    lease = ledger.intend(ledger.step("ip.block", "203.0.113.0/24"), fence=fence)
    refused: list[Refused] = []

    def run() -> None:
        try:
            apply_lease(ledger.database, lease.id, fence=fence, ports=ports)
        except Refused as refusal:
            refused.append(refusal)

    zombie = threading.Thread(target=run)
    zombie.start()
    assert clock.asleep.wait(10)
    assert ledger.lease(lease.id).state is LeaseState.APPLYING
    revert_lease(ledger.database, lease.id, reason="its run crashed", ports=ledger.ports)
    clock.wake.set()
    zombie.join()

    assert [r.code for r in refused] == ["lease.moved"]
    assert ledger.lease(lease.id).state is LeaseState.REVERTED
    assert ledger.audited("action.executed") == ledger.audited("flag.changed") == []
