"""`/opsspine`: what a person is told, what they may touch, and what it says when there is nothing to say."""

import asyncio
import json
import re
from typing import Any

import pytest

from spine.approval import ApprovalStatus
from spine.person import Role
from store import incidents


def told(answer: dict[str, Any]) -> str:
    """The text of an answer, as its reader sees it."""
    body = answer["body"]
    assert answer["status"] == 200
    assert body["response_type"] == "ephemeral"
    return str(body["blocks"][0]["text"]["text"])


@pytest.fixture
def asked(slack_case: Any) -> Any:
    """An incident with an open question; ana (U1) commands it, ben (U2) belongs to another tenant, eve (U3) looks."""
    case = slack_case.case
    slack_case.approval = case.ask()
    slack_case.ana = case.slack(case.person("ana"), "U1")
    case.slack(case.person("ben", tenant="globex"), "U2")
    case.slack(case.person("eve", Role.VIEWER), "U3")
    slack_case.short = str(case.incident.id)[:8]
    return slack_case


def test_status_tells_a_person_of_their_tenants_only(asked: Any) -> None:
    assert str(asked.approval.id) in told(asked.type("status", "U1"))
    assert asked.short in told(asked.type("", "U1"))
    assert told(asked.type("status", "U2")) == "0 open incidents, 0 approvals wait."


def test_status_of_an_incident_tells_its_story_and_what_it_waits_for(asked: Any) -> None:
    said = told(asked.type(f"status {asked.short}", "U1"))
    assert "FAILED_LOGINS_SPIKE acme open" in said
    assert "not acknowledged" in said
    assert "Approval asked for ip.1" in said
    assert f"waits for approval {asked.approval.id}" in said


@pytest.mark.parametrize("verb", ["status", "ack", "approve"])
@pytest.mark.parametrize("user", ["U2", "U1"], ids=["another-tenant", "no-such-id"])
def test_s42_an_incident_of_another_tenant_is_none(asked: Any, verb: str, user: str) -> None:
    word = asked.short if user == "U2" else "0123abcd"
    assert f"There is no incident '{word}' here" in told(asked.type(f"{verb} {word}", user))
    with asked.case.database.system() as connection:
        assert incidents.get(connection, asked.case.incident.id).acknowledged_at is None


@pytest.mark.parametrize("word", ["", "a", "%", "____", "x' or 1=1", "<!channel>"])
def test_a_word_that_is_no_id_finds_nothing_and_says_what_to_do(asked: Any, word: str) -> None:
    said = told(asked.type(f"ack {word}", "U1"))
    assert "/opsspine status" in said
    assert not set(said) & set("<>")


def test_ack_is_noted_once_and_later_ones_are_told_who_was_first(asked: Any) -> None:
    case = asked.case
    case.slack(case.person("cleo", Role.RESPONDER), "U4")
    assert told(asked.type(f"ack {asked.short}", "U1")).startswith("You have FAILED_LOGINS_SPIKE of acme")
    assert "ana@example.org has acknowledged" in told(asked.type(f"ack {asked.short}", "U4"))
    with case.database.system() as connection:
        seen = incidents.get(connection, case.incident.id)
        story = [line["actor"] for line in incidents.timeline(connection, seen.id) if line["kind"] == "acknowledged"]
    assert seen.acknowledged_at == case.clock.now()
    assert story == ["person:ana@example.org"]


def test_who_only_looks_acknowledges_nothing(asked: Any) -> None:
    assert "You may not acknowledge this" in told(asked.type(f"ack {asked.short}", "U3"))
    with asked.case.database.system() as connection:
        assert incidents.get(connection, asked.case.incident.id).acknowledged_at is None


def test_approve_opens_the_form_and_the_form_decides(asked: Any) -> None:
    typed = asked.type(f"approve {asked.short}", "U1")
    assert typed["body"] == ""
    assert json.loads(typed["view"]["private_metadata"]) == {"approval": str(asked.approval.id)}
    done = asked.submit(typed, "U1", asked.case.code(asked.ana))
    assert (done["status"], done["errors"]) == (200, {})
    assert asked.case.get(asked.approval).status is ApprovalStatus.APPROVED


def test_approve_without_the_role_is_refused_and_audited(asked: Any) -> None:
    assert asked.type(f"approve {asked.short}", "U3")["view"] is None
    assert ("action.denied", "person:eve@example.org", "refused") in asked.case.audited()


def test_approve_of_what_asks_nothing_says_how_it_stands(asked: Any) -> None:
    asked.case.decide(asked.approval, asked.ana)
    assert "waits for nobody's approval" in told(asked.type(f"approve {asked.short}", "U1"))


def test_approve_of_what_asks_more_than_one_thing_lists_the_questions(asked: Any) -> None:
    other = asked.case.ask(steps=(2,))
    said = told(asked.type(f"approve {asked.short}", "U1"))
    assert str(other.id) in said
    assert str(asked.approval.id) in said


def test_drill_starts_a_rehearsal_in_the_persons_tenant_and_name(asked: Any) -> None:
    assert "is starting for acme" in told(asked.type("drill failed-logins-spike", "U1"))
    ((deployment, parameters, key),) = asked.started
    assert deployment == "failed_logins_spike/drill"
    assert parameters == {"tenant": "acme", "who": "person:ana@example.org"}
    assert re.fullmatch(r"[0-9a-f-]{36}", key)


def test_a_drill_that_slack_delivers_twice_is_started_once(asked: Any) -> None:
    payload = asked.slack.command_payload("drill failed_logins_spike", "U1")
    for number in range(2):
        asyncio.run(asked.slack.deliver(payload, kind="slash_commands", retry=number))
    assert len({key for _, _, key in asked.started}) == 1


@pytest.mark.parametrize(
    ("typed", "user", "said"),
    [
        ("drill nonsense", "U1", "There is no drill of 'nonsense'. There are drills of email_verification_failures"),
        ("drill spine_health", "U1", "There is no drill of"),
        ("drill failed_logins_spike globex", "U1", "You may not rehearse for globex"),
        ("drill failed_logins_spike", "U3", "You may not rehearse for acme"),
        ("drill failed_logins_spike", "U9", "belongs to nobody known here"),
    ],
)
def test_a_drill_that_is_not_to_be_is_refused_with_the_reason(asked: Any, typed: str, user: str, said: str) -> None:
    assert said in told(asked.type(typed, user))
    assert asked.started == []


def test_a_drill_while_the_orchestrator_is_away_says_so(asked: Any) -> None:
    asked.orchestrated = False
    assert "no drill was started" in told(asked.type("drill failed_logins_spike", "U1"))


@pytest.mark.parametrize("typed", ["help", "HELP", "make me admin", "<!channel>"])
def test_help_and_whatever_else_is_typed_tell_what_there_is(asked: Any, typed: str) -> None:
    said = told(asked.type(typed, "U1"))
    assert "/opsspine ack INCIDENT" in said
    assert not set(said) & set("<>")


def test_somebody_unknown_learns_nothing_and_gets_a_link_that_makes_them_known(asked: Any) -> None:
    from store import account_link

    answer = asked.type("status", "U9")
    assert "belongs to nobody known here" in told(answer)
    link = answer["body"]["blocks"][1]["elements"][0]["url"]
    assert link.startswith(f"{asked.case.settings.gateway.url}{account_link.PATH}?token=")
    token, now = link.partition("token=")[2], asked.case.clock.now()
    with asked.case.database.system() as connection:
        about = account_link.look(connection, token, now, settings=asked.case.settings)
    assert (about.team, about.account) == ("T1", "U9")


def test_the_same_user_id_of_another_workspace_is_somebody_else(asked: Any) -> None:
    asked.slack.socket_mode = False
    answer = asked._control("command", {"text": "status", "user": "U1", "team": "T666"})
    assert "belongs to nobody known here" in told(answer)
