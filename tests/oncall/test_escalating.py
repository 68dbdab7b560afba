"""Calling people: in order, on time, at once when nobody can be reached, never twice, and not after an answer."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from spine.incident import IncidentStatus
from spine.oncall.reach import ReachRule
from spine.oncall.schedule import Override
from spine.person import Role
from spine.severity import Severity
from store import contacts, schedules
from tasks.escalating import call_people


def test_the_first_is_called_at_once_the_second_after_five_minutes_then_the_commander(calls: Any) -> None:
    calls.usual()
    incident = calls.incident()
    assert calls.round() == 1
    assert calls.called(incident) == ["Ann"]
    assert calls.round(4.9) == 0
    assert calls.round(0.1) == 1
    assert calls.called(incident) == ["Ann", "Bob"]
    assert calls.round(5) == 1
    assert calls.called(incident) == ["Ann", "Bob", "Carol"]
    assert calls.outbox() == [("email", "contact", "pending")] * 3


def test_rounds_that_come_again_at_the_same_time_call_nobody_twice(calls: Any) -> None:
    calls.usual()
    calls.incident()
    assert [calls.round(), calls.round(), calls.round()] == [1, 0, 0]
    assert len(calls.outbox()) == 1


def test_the_steps_begin_anew_and_then_it_is_told_that_nobody_answered(calls: Any) -> None:
    calls.usual()
    incident = calls.incident(severity=Severity.HIGH)
    for _ in range(8):
        calls.round(5)
    assert calls.called(incident) == ["Ann", "Bob", "Carol"] * 2
    assert calls.outbox("incident.escalated") == [("log", "", "pending")]
    assert "Nobody acknowledged" in calls.story(incident)[-1]
    assert [calls.round(5), calls.round(60)] == [0, 0]


def test_an_answer_ends_it_withdraws_what_is_under_way_and_is_told_to_who_was_called(calls: Any) -> None:
    calls.usual()
    incident = calls.incident()
    calls.round()
    with calls.database.system() as connection:
        connection.execute(text("update outbox set status = 'sent', sent_at = :n"), {"n": calls.clock.now()})
    calls.round(5)
    done = calls.ack(incident, calls.bob)
    assert (done.new, done.by, done.sentence[:11]) == (True, "person:bob@example.org", "You have it")
    assert calls.outbox() == [("email", "contact", "sent")], "Bob's own page is withdrawn, he has it"
    assert calls.outbox("incident.acknowledged") == [("email", "contact", "pending")], "Ann may sleep on"
    assert calls.round(5) == 0
    assert ("incident.updated", "person:bob@example.org", "acknowledged") in calls.audited()


def test_a_second_answer_is_told_who_has_it(calls: Any) -> None:
    calls.usual()
    incident = calls.incident()
    calls.round()
    calls.ack(incident, calls.ann)
    late = calls.ack(incident, calls.bob)
    assert (late.new, late.sentence) == (False, "ann@example.org has it already; nobody else is called.")


def test_who_may_not_respond_may_not_acknowledge_and_it_is_audited(calls: Any) -> None:
    calls.usual()
    incident = calls.incident()
    calls.round()
    viewer = calls.person("vera", Role.VIEWER)
    stranger = calls.person("sam", Role.RESPONDER, tenant="other")
    for person in (viewer, stranger):
        done = calls.ack(incident, person)
        assert done.refused is not None
        assert ("action.denied", f"person:{person.email}", "refused") in calls.audited()
    assert calls.round(5) == 1, "the calling goes on"


def test_a_page_that_is_given_up_moves_on_at_once(calls: Any) -> None:
    calls.usual()
    incident = calls.incident()
    calls.round()
    calls.fail()
    assert calls.round(0.5) == 1
    assert calls.called(incident) == ["Ann", "Bob"]
    assert "at once" in calls.story(incident)[-1]


def test_nobody_on_call_and_nobody_reachable_moves_on_at_once(calls: Any) -> None:
    calls.schedule("primary", "ann@example.org", start="2026-04-06")
    calls.usual()
    incident = calls.incident()
    assert calls.round() == 2
    assert calls.called(incident) == ["[schedule:primary: nobody is on call]", "Bob"]


def test_people_without_any_way_to_reach_them_are_passed_over_to_the_end_and_it_is_told(calls: Any) -> None:
    calls.settings.smtp.host = None
    calls.usual()
    incident = calls.incident()
    assert calls.round() == 6
    assert {page.problem for page in calls.pages(incident)} == {"there is no way to reach them"}
    assert calls.outbox("incident.escalated") == [("log", "", "pending")]


def test_a_channel_that_is_down_counts_as_failed_after_a_while(calls: Any) -> None:
    calls.usual()
    incident = calls.incident()
    calls.round()
    with calls.database.system() as connection:
        connection.execute(
            text("insert into outbox_channels values('email', :until, 3, 'down')"),
            {"until": calls.clock.now() + timedelta(minutes=10)},
        )
    assert calls.round(0.4) == 0
    assert calls.round(0.2) == 1
    assert calls.called(incident) == ["Ann", "Bob"]


def test_an_override_is_called_instead(calls: Any) -> None:
    now = calls.clock.now()
    stands_in = Override(people=("bob@example.org",), starts_at=now, ends_at=now + timedelta(hours=1))
    with calls.database.system() as connection:
        schedules.add_override(connection, calls.tenant, "primary", stands_in, actor="test", now=now)
    calls.usual()
    incident = calls.incident()
    calls.round()
    assert calls.called(incident) == ["Bob"]


def test_an_acknowledged_critical_incident_on_which_nothing_happens_is_paged_anew(calls: Any) -> None:
    calls.usual()
    incident = calls.incident()
    calls.round()
    calls.ack(incident, calls.ann)
    assert calls.round(29) == 0
    assert calls.round(2) == 1
    assert calls.called(incident) == ["Ann", "Ann"]
    again = calls.ack(incident, calls.bob)
    assert (again.new, again.by) == (True, "person:bob@example.org")
    assert calls.round(5) == 0


@pytest.mark.parametrize(
    ("severity", "status"),
    [(Severity.HIGH, IncidentStatus.OPEN), (Severity.CRITICAL, IncidentStatus.MITIGATED)],
    ids=["not-critical", "mitigated"],
)
def test_quiet_is_fine_where_nobody_is_needed(calls: Any, severity: Severity, status: IncidentStatus) -> None:
    calls.usual()
    incident = calls.incident(severity=severity, status=status)
    calls.round()
    calls.ack(incident, calls.ann)
    assert calls.round(300) == 0


def test_a_note_counts_as_something_that_happens(calls: Any) -> None:
    from store import attend

    calls.usual()
    incident = calls.incident()
    calls.round()
    calls.ack(incident, calls.ann)
    calls.clock.advance(timedelta(minutes=20))
    with calls.database.system() as connection:
        attend.note(connection, calls.tenant, incident.id, "looking", actor="person:ann", now=calls.clock.now())
    assert calls.round(15) == 0
    assert calls.round(20) == 1


@pytest.mark.parametrize("case", ["suppressed", "drill", "mild", "acknowledged", "resolved"])
def test_s22_what_needs_nobody_calls_nobody(calls: Any, case: str) -> None:
    calls.usual()
    more = {
        "suppressed": {"suppressed_by": "00000000-0000-0000-0000-000000000001"}, "drill": {"synthetic": True},
        "mild": {"severity": Severity.MEDIUM}, "acknowledged": {"acknowledged_at": calls.clock.now()},
        "resolved": {"status": IncidentStatus.RESOLVED, "resolved_at": calls.clock.now()},
    }[case]  # fmt: skip
    incident = calls.incident(**more)
    assert (calls.round(), calls.round(5), calls.called(incident)) == (0, 0, [])


def test_a_suppression_that_begins_meanwhile_holds_the_calling_back_and_its_end_goes_on(calls: Any) -> None:
    calls.usual()
    incident = calls.incident()
    calls.round()
    calls.set(incident, suppressed_by="00000000-0000-0000-0000-000000000001")
    assert calls.round(5) == 0
    calls.set(incident, suppressed_by=None)
    assert calls.round() == 1


def test_an_escalated_incident_of_low_severity_is_paged(calls: Any) -> None:
    calls.usual()
    incident = calls.incident(severity=Severity.MEDIUM, status=IncidentStatus.ESCALATED)
    calls.round()
    assert calls.called(incident) == ["Ann"]


def test_s10_a_timer_after_the_end_does_nothing_and_its_pages_are_withdrawn(calls: Any) -> None:
    calls.usual()
    incident = calls.incident()
    calls.round()
    calls.set(incident, status="resolved", resolved_at=calls.clock.now())
    assert calls.round(5) == 0
    assert calls.outbox() == []
    assert not calls.ack(incident, calls.ann).by


def test_a_tenants_policy_comes_before_everybodys_and_everybodys_serves_who_has_none(calls: Any) -> None:
    boss = calls.person("dora", Role.SECURITY_ADMIN, tenant="*")
    calls.policy({"targets": [f"person:{boss.email}"]}, tenant="*")
    first = calls.incident("first")
    calls.round()
    assert [page.person_id for page in calls.pages(first)] == [boss.id]
    calls.usual()
    second = calls.incident("second")
    calls.round()
    assert calls.called(second) == ["Ann"]


def test_ways_that_come_later_are_used_when_nobody_answers_meanwhile(calls: Any) -> None:
    now = calls.clock.now()
    with calls.database.system() as connection:
        contacts.add(
            connection, calls.ann, "apprise", "phone", "pover://user@token", settings=calls.settings, actor="test",
            now=now,
        )  # fmt: skip
        rules = [ReachRule(contact="mail"), ReachRule(contact="phone", after_minutes=2)]
        contacts.set_rules(connection, calls.ann, rules, important=True, actor="test", now=now)
    calls.usual()
    calls.incident()
    calls.round()
    assert calls.outbox() == [("email", "contact", "pending")]
    calls.round(2)
    calls.round()
    assert sorted(calls.outbox()) == [("apprise", "contact", "pending"), ("email", "contact", "pending")]


def test_one_person_meant_twice_by_a_step_is_called_once(calls: Any) -> None:
    calls.policy({"targets": ["schedule:primary", "person:ann@example.org", "role:responder"]})
    incident = calls.incident()
    calls.round()
    assert calls.called(incident) == ["Ann", "Bob"]


def test_a_channel_can_be_a_target(calls: Any) -> None:
    calls.policy({"targets": ["notify:slack:#exec"]})
    calls.incident()
    calls.round()
    assert calls.outbox() == [("slack", "#exec", "pending")]


def test_a_step_that_dies_before_its_commit_leaves_nothing_and_is_taken_again(
    calls: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls.usual()
    incident = calls.incident()
    with monkeypatch.context() as patch:
        patch.setattr("tasks.escalating._tell", lambda *_: 1 / 0)
        done = call_people(calls.database, calls.settings, calls.clock.now())
    assert "ZeroDivisionError" in done.problems[0]
    assert (calls.called(incident), calls.outbox()) == ([], [])
    assert calls.round() == 1
    assert calls.called(incident) == ["Ann"]


def test_several_rounds_at_once_take_each_step_once(calls: Any) -> None:
    from concurrent.futures import ThreadPoolExecutor

    calls.usual()
    incident = calls.incident()
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: call_people(calls.database, calls.settings, calls.clock.now()), range(4)))
    assert sum(one.steps for one in done) == 1
    assert calls.called(incident) == ["Ann"]
