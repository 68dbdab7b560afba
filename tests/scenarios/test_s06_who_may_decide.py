"""Scenarios 3, 6, 7, 12, 14, 17, 18 and 42: what does not count as a decision, and what is told about it."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from spine.approval import ApprovalStatus, Code
from spine.ids import NO_TENANT, TenantId
from spine.incident import IncidentStatus
from spine.person import PersonRef, Role
from spine.plan import Gate, Risk, Verb
from store import approvals, audit, incidents, people


def denied(case: Any, tenant: TenantId | None = None) -> list[tuple[str, str]]:
    return [(actor, outcome) for action, actor, outcome in case.audited(tenant) if action == "action.denied"]


def test_s03_the_same_click_delivered_again_is_one_decision_and_one_entry(approval_case: Any) -> None:
    case, approval, ana = approval_case, approval_case.ask(), approval_case.person("ana")
    code = case.code(ana)
    first, again = (case.decide(approval, ana, totp=code) for _ in range(2))
    assert (first.code, again.code) == (Code.DECIDED, Code.ALREADY_DECIDED)
    assert again.decided_by == "ana"
    actions = [action for action, _, _ in case.audited()]
    assert (actions.count("approval.decided"), actions.count("action.denied")) == (1, 0)


def test_s03_a_first_vote_of_two_delivered_again_counts_once(approval_case: Any) -> None:
    case, approval, ana = approval_case, approval_case.ask(Gate.TWO_PERSON), approval_case.person("ana")
    code = case.code(ana)
    outcomes = [case.decide(approval, ana, totp=code).code for _ in range(3)]
    assert outcomes == [Code.VOTE_COUNTED, Code.ALREADY_VOTED, Code.ALREADY_VOTED]
    assert denied(case) == []


@pytest.mark.parametrize("role", [Role.VIEWER, Role.SUPPORT])
def test_s06_somebody_without_the_role_is_refused_audited_and_told(approval_case: Any, role: Role) -> None:
    case, approval = approval_case, approval_case.ask()
    eve = case.person("eve", role)
    for vote in ("approve", "deny"):
        outcome = case.decide(approval, eve, vote)
        assert (outcome.code, outcome.counted) == (Code.NOT_ALLOWED, False)
        assert "Ask a responder" in outcome.message
    assert denied(case) == [("person:eve@example.org", "refused")] * 2
    assert case.get(approval).status is ApprovalStatus.PENDING


def test_s06_an_unknown_slack_account_is_refused_and_audited_by_its_id(approval_case: Any) -> None:
    case, approval = approval_case, approval_case.ask()
    outcome = case.decide(approval, PersonRef.by_slack("T1", "U666"), totp=None)
    assert outcome.code is Code.NOT_ALLOWED
    assert denied(case) == [("slack:T1/U666", "refused")]


def test_s06_a_disabled_person_has_no_say(approval_case: Any) -> None:
    case, approval, ana = approval_case, approval_case.ask(), approval_case.person("ana")
    with case.database.system() as connection:
        people.disable(connection, ana.account, actor="test", now=case.clock.now())
    assert case.decide(approval, ana).code is Code.NOT_ALLOWED


def test_s07_self_approval_is_refused(approval_case: Any) -> None:
    case, ana = approval_case, approval_case.person("ana")
    with case.database.system() as connection:
        me = people.by_email(connection, ana.account).id
    approval = case.ask(requester=f"person:{ana.account}", requested_by=me)
    assert case.decide(approval, ana).code is Code.SELF
    assert case.decide(approval, case.slack(ana, "U1")).code is Code.SELF
    assert case.decide(approval, case.person("bo")).code is Code.DECIDED


def test_s07_one_person_under_two_accounts_counts_once(approval_case: Any) -> None:
    case, approval, ana = approval_case, approval_case.ask(Gate.TWO_PERSON), approval_case.person("ana")
    assert case.decide(approval, ana, via="cli").code is Code.VOTE_COUNTED
    case.clock.advance(timedelta(seconds=30))
    assert case.decide(approval, case.slack(ana, "U1")).code is Code.ALREADY_VOTED
    case.clock.advance(timedelta(seconds=30))
    assert case.decide(approval, case.slack(ana, "U2", "T2")).code is Code.ALREADY_VOTED
    assert case.get(approval).status is ApprovalStatus.PENDING
    assert len(denied(case)) == 2
    assert case.decide(approval, case.person("bo")).code is Code.DECIDED


def test_s07_the_admin_the_incident_is_about_may_not_approve(approval_case: Any) -> None:
    case, root = approval_case, approval_case.person("root", Role.SECURITY_ADMIN)
    with case.database.system() as connection:
        suspect = people.by_email(connection, root.account).id
    approval = case.ask(barred=[suspect])
    assert case.decide(approval, root).code is Code.AFFECTED
    assert denied(case) == [("person:root@example.org", "refused")]


def test_s07_one_no_ends_a_gate_of_two(approval_case: Any) -> None:
    case, approval = approval_case, approval_case.ask(Gate.TWO_PERSON)
    case.decide(approval, case.person("ana"))
    assert case.decide(approval, case.person("bo", Role.RESPONDER), "deny", totp=None).status is ApprovalStatus.DENIED


def test_s12_the_decision_for_one_gate_cannot_satisfy_another(approval_case: Any) -> None:
    case, ana = approval_case, approval_case.person("ana")
    first, second = case.ask(Gate.APPROVE, (1,)), case.ask(Gate.TWO_PERSON, (2,))
    assert first.id != second.id
    assert case.decide(first, ana).code is Code.DECIDED
    assert case.get(second).status is ApprovalStatus.PENDING
    decision = case.decision
    with case.database.system() as connection:
        assert approvals.granted(connection, decision.decision_id, 2, decision.plan_hash) is None
    replan = case.ask(Gate.APPROVE, (1,), of=case.plan("second"))
    assert case.get(replan).status is ApprovalStatus.PENDING


def test_s14_cancelling_the_waiting_run_never_counts_as_approval(approval_case: Any) -> None:
    case, approval, ana = approval_case, approval_case.ask(), approval_case.person("ana")
    with case.database.system() as connection:
        approvals.attach_run(connection, approval.id, uuid4())
        approvals.void(connection, approval.id, "its run was cancelled", now=case.clock.now(), settings=case.settings)
        assert approvals.granted(connection, case.decision.decision_id, 1, case.decision.plan_hash) is None
    late = case.decide(approval, ana)
    assert (late.code, late.status) == (Code.ALREADY_DECIDED, ApprovalStatus.VOID)
    assert "its run was cancelled" in late.message


def test_s17_a_yes_taken_back_is_told_by_its_reason_not_by_a_name(approval_case: Any) -> None:
    case, approval, ana = approval_case, approval_case.ask(), approval_case.person("ana")
    case.decide(approval, ana)
    with case.database.system() as connection:
        approvals.void(connection, approval.id, "targets changed", now=case.clock.now(), settings=case.settings)
    late = case.decide(approval, ana)
    assert late.message == "This is void already (targets changed)."


@pytest.mark.parametrize(
    "change",
    [
        "update decisions set superseded_at = now()",
        "update decisions set body = jsonb_set(body, '{steps,0,targets}', '[\"0.0.0.0/0\"]')",
        "update decisions set body = jsonb_set(body, '{steps,0,params}', '{\"rate\": 1}')",
        "update decisions set body = body - 'steps'",
    ],
    ids=["superseded", "targets", "parameters", "broken"],
)
def test_s17_a_plan_that_changed_after_it_was_asked_for_cannot_be_approved(approval_case: Any, change: str) -> None:
    case, approval, ana = approval_case, approval_case.ask(), approval_case.person("ana")
    with case.database.system() as connection:
        connection.execute(text(change))
    outcome = case.decide(approval, ana)
    assert (outcome.code, outcome.status) == (Code.VOID, ApprovalStatus.VOID)
    assert case.get(approval).status is ApprovalStatus.VOID
    assert case.audited()[-1] == ("approval.decided", "engine", "void")


def test_s18_a_click_on_an_incident_that_has_ended_does_nothing(approval_case: Any) -> None:
    case, approval, ana = approval_case, approval_case.ask(), approval_case.person("ana")
    with case.database.system() as connection:
        incidents.transition(
            connection, case.incident.id, IncidentStatus.RESOLVED, at=case.clock.now(), actor="t", summary="over"
        )
    outcome = case.decide(approval, ana)
    assert outcome.code is Code.VOID
    assert "the incident has ended" in outcome.message
    with case.database.system() as connection:
        assert approvals.granted(connection, case.decision.decision_id, 1, case.decision.plan_hash) is None


@pytest.mark.parametrize(
    "forged", ["", "x", "1; drop table approvals", "4d491e78-f8db-4112-ab6c-16972a2be661", "\x00" * 40, "é" * 3000]
)
def test_s42_a_forged_id_is_refused_and_audited(approval_case: Any, forged: str) -> None:
    case, ana = approval_case, approval_case.person("ana")
    approval = case.ask()
    outcome = case.decide(type("Forged", (), {"id": forged})(), ana)
    assert outcome.code is Code.UNKNOWN
    assert ("email:ana@example.org", "refused") in denied(case, NO_TENANT)
    assert case.get(approval).status is ApprovalStatus.PENDING


def test_s42_an_approval_of_another_tenant_is_unknown_to_a_tenants_credentials(approval_case: Any) -> None:
    case, approval, ana = approval_case, approval_case.ask(), approval_case.person("ana")
    assert case.decide(approval, ana, tenant=TenantId("other")).code is Code.UNKNOWN
    assert case.decide(approval, ana, tenant=case.tenant).code is Code.DECIDED


def test_s42_a_role_in_another_tenant_gives_no_say_here(approval_case: Any) -> None:
    case, approval = approval_case, approval_case.ask()
    mallory = case.person("mallory", Role.SECURITY_ADMIN, tenant=TenantId("other"))
    assert case.decide(approval, mallory).code is Code.NOT_ALLOWED


def test_who_clicks_again_and_again_is_counted_and_does_not_fill_the_trail(approval_case: Any) -> None:
    case, approval = approval_case, approval_case.ask()
    viewer, other = case.person("viewer", Role.VIEWER), case.person("other", Role.VIEWER)
    for _ in range(45):
        case.clock.advance(timedelta(seconds=1))
        assert case.decide(approval, viewer).code is Code.NOT_ALLOWED
    assert case.decide(approval, other).code is Code.NOT_ALLOWED
    with case.database.system() as connection:
        query = text(
            "select entry::jsonb #>> '{data,actor}', (entry::jsonb #>> '{data,detail,times}')::int from audit_entries"
            " where action = 'action.denied' order by seq"
        )
        told = [tuple(row) for row in connection.execute(query)]
        counted = dict(tuple(r) for r in connection.execute(text("select actor, times from approval_refusals")))
    me, you = "person:viewer@example.org", "person:other@example.org"
    assert told == [*((me, n) for n in (1, 2, 3, 4, 5, 10, 20, 40)), (you, 1)]
    assert counted == {me: 45, you: 1}


def test_break_glass_to_contain_is_written_down_and_pages(approval_case: Any) -> None:
    case, keeper = approval_case, approval_case.person("keeper", Role.BREAK_GLASS)
    plan = case.plan("contain", Risk.CRITICAL, Verb.CONTAIN)
    assert case.decide(case.ask(Gate.TWO_PERSON, of=plan), keeper).code is Code.VOTE_COUNTED
    assert ("breakglass.used", "person:keeper@example.org", "ok") in case.audited()
    with case.database.system() as connection:
        pages = connection.execute(text("select count(*) from outbox where severity = 3")).scalar_one()
        assert audit.verify(connection, case.tenant) is None
    assert pages == 1


def test_break_glass_reaches_nothing_critical_but_containment(approval_case: Any) -> None:
    case, keeper = approval_case, approval_case.person("keeper", Role.BREAK_GLASS)
    approval = case.ask(Gate.TWO_PERSON, of=case.plan("wipe", Risk.CRITICAL, Verb.MITIGATE))
    assert case.decide(approval, keeper).code is Code.NOT_ALLOWED
