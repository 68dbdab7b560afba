"""27. `kill -9` before, during and after every side effect: applied exactly once, or reverted."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from spine.lease import LeaseState
from tasks.leasing import apply_lease, revert_lease

KEY = "auth.ipDeny.enabled"
SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
STEPS = [*(f"{moment}:{n}" for n in range(1, 5) for moment in ("commit", "after")), "send", "sent"]
"""Both moves have four transactions (begin, effect, read-back, end) and one webhook in between."""

Mover = Callable[..., int]


@pytest.fixture(scope="module")
def process() -> Iterator[subprocess.Popen[str]]:
    program = Path(__file__).parents[1] / "dying.py"
    with subprocess.Popen(
        [sys.executable, str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as started:
        yield started
        assert started.stdin is not None
        started.stdin.close()


@pytest.fixture
def move(ledger, receiver, database_url: str, process: subprocess.Popen[str]) -> Mover:
    """Apply or revert in another process, which dies at a step; returns its exit status."""
    ledger.with_webhook(receiver.url)

    def run(lease, move: str, die: str, fence: int = 0) -> int:
        job = {
            "url": database_url, "webhook": receiver.url, "secret": SECRET, "lease": str(lease.id), "fence": fence,
            "move": move, "die": die,
        }  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(job) + "\n")
        process.stdin.flush()
        return int(process.stdout.readline())

    return run


def _happened_once(ledger, receiver, lease, phase: str, action: str, topic: str) -> None:
    assert [e["outcome"] for e in ledger.audited(action)] == ["ok"]
    assert len(ledger.rows("select from outbox where topic = :t", t=topic)) == 1
    assert receiver.distinct()[-1] == f"{lease.id}:{phase}"
    assert len(ledger.rows("select from flag_holds where lease_id = :id", id=lease.id)) == 1


def test_nothing_dies_when_nobody_kills(ledger, receiver, move: Mover) -> None:
    lease = ledger.intend(ledger.step("ip.block", "203.0.113.0/24"))
    assert move(lease, "apply", "") == 0
    assert move(lease, "revert", "") == 0
    assert ledger.lease(lease.id).state is LeaseState.REVERTED
    assert receiver.distinct() == [f"{lease.id}:applied", f"{lease.id}:reverted"]


@pytest.mark.parametrize("recovery", ["the run starts again", "reconcile finds it"])
@pytest.mark.parametrize("step", STEPS)
def test_s27_a_killed_apply_ends_in_force_exactly_once(ledger, receiver, move: Mover, step: str, recovery: str) -> None:
    lease = ledger.intend(ledger.step("ip.block", "203.0.113.0/24"))
    assert move(lease, "apply", step) == -signal.SIGKILL
    if recovery == "the run starts again" or ledger.lease(lease.id).state is LeaseState.INTENDED:
        apply_lease(ledger.database, lease.id, fence=0, ports=ledger.ports)
    else:
        ledger.tend(seconds=90)  # the process that died goes by the real clock

    assert ledger.lease(lease.id).state is LeaseState.ACTIVE
    assert ledger.reads(KEY, "203.0.113.9").value is True
    _happened_once(ledger, receiver, lease, "applied", "action.executed", "mitigation.applied")
    assert len(ledger.audited("flag.changed")) == 1


@pytest.mark.parametrize("step", STEPS)
def test_s27_a_killed_apply_that_nobody_repeats_is_taken_back_in_the_end(
    ledger, receiver, move: Mover, step: str
) -> None:
    lease = ledger.intend(ledger.step("ip.block", "203.0.113.0/24", minutes=30))
    assert move(lease, "apply", step) == -signal.SIGKILL
    ledger.tend(hours=2)
    assert ledger.lease(lease.id).state is LeaseState.REVERTED
    assert ledger.flag(KEY).holds == ()
    changes = ledger.audited("flag.changed")
    assert len(changes) in (0, 2)  # never touched, or held and released, each with its record


@pytest.mark.parametrize("step", STEPS)
def test_s27_a_killed_revert_is_finished_exactly_once(ledger, receiver, move: Mover, step: str) -> None:
    lease = ledger.apply(ledger.step("ip.block", "203.0.113.0/24"))
    assert move(lease, "revert", step) == -signal.SIGKILL
    if ledger.lease(lease.id).state is LeaseState.ACTIVE:  # not even the wish was written down
        revert_lease(ledger.database, lease.id, reason="test", ports=ledger.ports)
    ledger.clock.advance(timedelta(seconds=90))
    ledger.tend()

    assert ledger.lease(lease.id).state is LeaseState.REVERTED
    assert ledger.reads(KEY, "203.0.113.9").value is False
    _happened_once(ledger, receiver, lease, "reverted", "rollback.executed", "mitigation.reverted")
    assert len(ledger.audited("flag.changed")) == 2
