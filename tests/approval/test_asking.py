"""Asking for an approval: once, with its record, until it ends, and the run that waits for it."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from spine.approval import ApprovalStatus, Code
from spine.person import PersonRef
from spine.plan import Gate, Risk
from store import approvals, audit
from store.people import find


def outbox_rows(case: Any) -> list[tuple[str, str]]:
    with case.database.system() as connection:
        rows = connection.execute(text("select topic, payload ->> 'approval' from outbox order by created_at, topic"))
        return [tuple(row) for row in rows]


def test_asked_twice_is_one_question_with_one_record_and_one_prompt(approval_case: Any) -> None:
    first, again = approval_case.ask(), approval_case.ask()
    assert first == again
    assert [action for action, _, _ in approval_case.audited()].count("approval.requested") == 1
    assert outbox_rows(approval_case) == [("approval.requested", str(first.id))]


def test_a_question_expires_with_its_plan_and_knows_its_risk(approval_case: Any) -> None:
    approval = approval_case.ask(steps=(1, 2))
    assert (approval.expires_at, approval.risk, approval.votes_needed) == (
        approval_case.decision.expires_at,
        Risk.HIGH,
        1,
    )


@pytest.mark.parametrize(
    ("gate", "steps"), [(Gate.ALLOW, (1,)), (Gate.DENY, (1,)), (Gate.APPROVE, ()), (Gate.APPROVE, (3,))]
)
def test_what_cannot_be_asked_is_an_error(approval_case: Any, gate: Gate, steps: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="no approval can be asked"):
        approval_case.ask(gate, steps)


def test_expiry_ends_a_question_once_and_tells(approval_case: Any) -> None:
    case, approval = approval_case, approval_case.ask()
    case.clock.advance(timedelta(minutes=15))
    with case.database.system() as connection:
        assert [a.id for a in approvals.expire_due(connection, case.clock.now(), case.settings)] == [approval.id]
        assert approvals.expire_due(connection, case.clock.now(), case.settings) == []
        assert approvals.pending(connection) == []
    assert case.audited()[-1] == ("approval.decided", "engine", "expired")
    assert ("approval.decided", str(approval.id)) in outbox_rows(case)


def test_expiry_leaves_what_still_has_time(approval_case: Any) -> None:
    case, approval = approval_case, approval_case.ask()
    case.clock.advance(timedelta(minutes=14, seconds=59))
    with case.database.system() as connection:
        assert approvals.expire_due(connection, case.clock.now(), case.settings) == []
    assert case.get(approval).status is ApprovalStatus.PENDING


def test_s10_a_sweep_after_a_decision_does_nothing(approval_case: Any) -> None:
    case, approval, ana = approval_case, approval_case.ask(), approval_case.person("ana")
    case.decide(approval, ana)
    before = case.audited()
    case.clock.advance(timedelta(hours=1))
    with case.database.system() as connection:
        assert approvals.expire_due(connection, case.clock.now(), case.settings) == []
    assert case.get(approval).status is ApprovalStatus.APPROVED
    assert case.audited() == before


def test_an_answer_that_came_before_the_wait_is_seen_by_the_wait(approval_case: Any) -> None:
    case, approval, ana = approval_case, approval_case.ask(), approval_case.person("ana")
    case.decide(approval, ana)
    with case.database.system() as connection:
        assert approvals.decided_unresumed(connection) == []
        attached = approvals.attach_run(connection, approval.id, uuid4())
        assert attached is not None
        assert attached.status is ApprovalStatus.APPROVED


def test_a_waiting_run_is_woken_once(approval_case: Any) -> None:
    case, approval, ana, run = approval_case, approval_case.ask(), approval_case.person("ana"), uuid4()
    with case.database.system() as connection:
        approvals.attach_run(connection, approval.id, run)
        assert approvals.decided_unresumed(connection) == []
    case.decide(approval, ana)
    with case.database.system() as connection:
        assert [a.flow_run_id for a in approvals.decided_unresumed(connection)] == [run]
        assert approvals.mark_resumed(connection, approval.id, case.clock.now())
        assert not approvals.mark_resumed(connection, approval.id, case.clock.now())
        assert approvals.decided_unresumed(connection) == []


def test_a_yes_not_yet_used_can_be_voided_and_grants_nothing_then(approval_case: Any) -> None:
    case, approval, ana = approval_case, approval_case.ask(), approval_case.person("ana")
    case.decide(approval, ana)
    decision = case.decision
    with case.database.system() as connection:
        assert approvals.granted(connection, decision.decision_id, 1, decision.plan_hash) is not None
        assert approvals.void(connection, approval.id, "targets changed", now=case.clock.now(), settings=case.settings)
        assert approvals.granted(connection, decision.decision_id, 1, decision.plan_hash) is None
        assert not approvals.void(connection, approval.id, "again", now=case.clock.now(), settings=case.settings)
    assert case.audited()[-1] == ("approval.decided", "engine", "void")


def test_a_yes_is_for_one_plan_and_its_steps_only(approval_case: Any) -> None:
    case, approval, ana = approval_case, approval_case.ask(steps=(1,)), approval_case.person("ana")
    assert case.decide(approval, ana).code is Code.DECIDED
    with case.database.system() as connection:
        assert approvals.granted(connection, case.decision.decision_id, 1, case.decision.plan_hash) is not None
        assert approvals.granted(connection, case.decision.decision_id, 2, case.decision.plan_hash) is None
        assert approvals.granted(connection, case.decision.decision_id, 1, "another hash") is None
        assert approvals.granted(connection, UUID(int=1), 1, case.decision.plan_hash) is None


def test_a_drill_asks_nobody(approval_case: Any) -> None:
    case = approval_case
    with case.database.system() as connection:
        connection.execute(text("update incidents set synthetic = true"))
    case.ask()
    assert outbox_rows(case) == []


def test_everything_about_an_approval_leaves_a_whole_chain(approval_case: Any) -> None:
    case, approval, ana = approval_case, approval_case.ask(), approval_case.person("ana")
    case.decide(approval, ana, "deny", totp=None)
    with case.database.system() as connection:
        assert audit.verify(connection, case.tenant) is None
        assert find(connection, PersonRef.by_email("nobody@example.org")) is None
