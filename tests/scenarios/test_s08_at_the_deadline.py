"""Scenario 8: a click at the very deadline against the expiry sweep has exactly one outcome."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from spine.approval import ApprovalStatus, Code
from store import approvals

ROUNDS = 12


def test_s08_a_click_just_in_time_against_the_sweep_has_one_outcome(approval_case: Any) -> None:
    case, ana = approval_case, approval_case.person("ana")
    seen = Counter[ApprovalStatus]()

    def sweep(now: datetime) -> int:
        with case.database.system() as connection:
            return len(approvals.expire_due(connection, now, case.settings))

    for number in range(ROUNDS):
        approval = case.ask(of=case.plan(f"round {number}"))
        case.clock.advance(approval.expires_at - case.clock.now() - timedelta(microseconds=1))
        with ThreadPoolExecutor(2) as pool:
            order = [lambda a=approval: case.decide(a, ana).code, lambda a=approval: sweep(a.expires_at)]
            answers = [f.result() for f in [pool.submit(work) for work in order[:: 1 if number % 2 else -1]]]
        code, swept = answers if number % 2 else answers[::-1]
        status = case.get(approval).status
        assert (code, swept, status) in {
            (Code.DECIDED, 0, ApprovalStatus.APPROVED),
            (Code.ALREADY_DECIDED, 1, ApprovalStatus.EXPIRED),
        }
        seen[status] += 1
        case.clock.advance(timedelta(seconds=60))
    entries = [entry for entry in case.audited() if entry[0] == "approval.decided"]
    assert len(entries) == ROUNDS == seen.total()


def test_s08_a_click_at_the_deadline_itself_is_too_late(approval_case: Any) -> None:
    case, approval, ana = approval_case, approval_case.ask(), approval_case.person("ana")
    case.clock.advance(approval.expires_at - case.clock.now())
    outcome = case.decide(approval, ana)
    assert (outcome.code, outcome.status) == (Code.EXPIRED, ApprovalStatus.EXPIRED)
    assert case.get(approval).status is ApprovalStatus.EXPIRED
