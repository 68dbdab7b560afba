"""Slack both ways: a prompt is posted, answered by people who may, and shows how it was answered."""

import json
import time
from datetime import timedelta
from typing import Any

import httpx
import pytest

from spine.approval import ApprovalStatus
from spine.person import Role
from spine.plan import Gate
from spine.prompt import APPROVE, DENY


def eventually(holds: Any) -> None:
    until = time.monotonic() + 3
    while not holds():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.01)


def test_a_prompt_shows_evidence_plan_and_buttons_that_carry_an_id_only(slack_case: Any) -> None:
    approval = slack_case.case.ask()
    assert slack_case.relay() == 1
    prompt = slack_case.prompt
    assert prompt["buttons"] == [
        {"action_id": APPROVE, "value": str(approval.id), "text": "Approve"},
        {"action_id": DENY, "value": str(approval.id), "text": "Deny"},
    ]
    shown = json.dumps(prompt["blocks"])
    assert "[high] FAILED_LOGINS_SPIKE acme since 2026-03-01 12:00:00 UTC" in shown
    assert "1. ip.1: high risk" in shown
    assert slack_case.case.get(approval).prompt == {"channel": "C0OPS", "ts": prompt["ts"]}


def test_approving_asks_for_a_code_then_decides_wakes_the_run_and_shows_the_winner(slack_case: Any) -> None:
    case, approval = slack_case.case, slack_case.case.ask()
    ana = case.slack(case.person("ana"), "U1")
    slack_case.relay()
    clicked = slack_case.click("U1")
    assert (clicked["status"], clicked["in_time"]) == (200, True)
    assert case.get(approval).status is ApprovalStatus.PENDING
    done = slack_case.submit(clicked, "U1", case.code(ana), "seen in the logs")
    assert (done["status"], done["errors"]) == (200, {})
    decided = case.get(approval)
    assert (decided.status, decided.reason, decided.via) == (ApprovalStatus.APPROVED, "seen in the logs", "slack")
    eventually(lambda: slack_case.woken == [approval.id])
    assert slack_case.relay() == 1
    prompt = slack_case.prompt
    assert (prompt["buttons"], prompt["versions"]) == ([], 2)
    assert "Approved by ana via slack" in json.dumps(prompt["blocks"], ensure_ascii=False)


def test_denying_needs_no_code(slack_case: Any) -> None:
    case, approval = slack_case.case, slack_case.case.ask()
    case.slack(case.person("ana"), "U1")
    slack_case.relay()
    assert slack_case.click("U1", DENY)["view"] is None
    assert case.get(approval).status is ApprovalStatus.DENIED


@pytest.mark.parametrize("code", ["000000", "12345", "abcdef"])
def test_a_wrong_code_is_said_in_the_modal_and_decides_nothing(slack_case: Any, code: str) -> None:
    case, approval = slack_case.case, slack_case.case.ask()
    case.slack(case.person("ana"), "U1")
    slack_case.relay()
    answer = slack_case.submit(slack_case.click("U1"), "U1", code)
    assert answer["body"]["response_action"] == "errors"
    assert "not accepted" in answer["errors"]["code"]
    assert case.get(approval).status is ApprovalStatus.PENDING
    assert slack_case.woken == []


def test_a_code_is_asked_of_whoever_submits_not_of_whoever_clicked(slack_case: Any) -> None:
    case, approval = slack_case.case, slack_case.case.ask()
    ana = case.slack(case.person("ana"), "U1")
    case.slack(case.person("ben", Role.VIEWER), "U2")
    slack_case.relay()
    answer = slack_case.submit(slack_case.click("U1"), "U2", case.code(ana))
    assert "may not decide" in answer["errors"]["code"]
    assert case.get(approval).status is ApprovalStatus.PENDING


def test_the_prompt_shows_the_first_of_two_votes_and_waits_for_another_person(slack_case: Any) -> None:
    case, approval = slack_case.case, slack_case.case.ask(Gate.TWO_PERSON)
    ana, bo = case.person("ana"), case.person("bo")
    slack_case.relay()
    assert "0 of 2 votes given;" in json.dumps(slack_case.prompt["blocks"])
    case.decide(approval, ana, via="cli")
    assert slack_case.relay() == 1
    prompt = slack_case.prompt
    assert "1 of 2 votes given, waiting for another person" in json.dumps(prompt["blocks"])
    assert ([b["text"] for b in prompt["buttons"]], prompt["versions"]) == (["Approve", "Deny"], 2)
    case.decide(approval, bo, via="cli")
    assert slack_case.relay() == 1
    shown = json.dumps(slack_case.prompt["blocks"])
    assert ("Approved by bo via cli" in shown, "waiting" in shown, slack_case.prompt["versions"]) == (True, False, 3)
    assert len(slack_case.messages()) == 1


def test_a_vote_told_late_shows_how_the_question_stands_by_then(slack_case: Any) -> None:
    case, approval = slack_case.case, slack_case.case.ask(Gate.TWO_PERSON)
    for name in ("ana", "bo"):
        case.decide(approval, case.person(name), via="cli")
    while slack_case.relay():
        case.clock.advance(timedelta(seconds=2))
    assert (len(slack_case.messages()), slack_case.prompt["buttons"]) == (1, [])
    assert case.get(approval).prompt["ts"] == slack_case.prompt["ts"]


def test_the_first_of_two_votes_is_told_to_the_voter_and_leaves_the_prompt_open(slack_case: Any) -> None:
    case, approval = slack_case.case, slack_case.case.ask(Gate.TWO_PERSON)
    for number, name in enumerate(("ana", "ben"), 1):
        account = case.slack(case.person(name), f"U{number}")
        if number == 1:
            slack_case.relay()
        slack_case.submit(slack_case.click(f"U{number}"), f"U{number}", case.code(account))
        expected = ApprovalStatus.PENDING if number == 1 else ApprovalStatus.APPROVED
        assert case.get(approval).status is expected
    eventually(lambda: slack_case.woken == [approval.id])


def test_an_update_waits_for_the_prompt_it_updates(slack_case: Any) -> None:
    """The prompt's delivery fails once, so the answer comes first: there is one message in the end, without buttons."""
    from deployments.demo.fake_slack.workspace import Fault

    case, approval = slack_case.case, slack_case.case.ask()
    ana = case.person("ana")
    slack_case.slack.faults["chat.postMessage"] = Fault(error="internal_error", times=1)
    assert slack_case.relay() == 0
    case.decide(approval, ana)
    assert slack_case.relay() == 0
    for _ in range(4):
        case.clock.advance(timedelta(seconds=2))
        slack_case.relay()
    assert [status for _, status in slack_case.statuses()] == ["sent", "sent"]
    assert [message["buttons"] for message in slack_case.messages()] == [[]]


def test_an_expired_question_loses_its_buttons(slack_case: Any) -> None:
    from store import approvals

    case = slack_case.case
    case.ask()
    slack_case.relay()
    case.clock.advance(timedelta(minutes=16))
    with case.database.system() as connection:
        approvals.expire_due(connection, case.clock.now(), case.settings)
    slack_case.relay()
    assert slack_case.prompt["buttons"] == []
    assert "nobody decided in time" in json.dumps(slack_case.prompt["blocks"])


def test_a_late_trigger_tells_the_user_to_click_again(slack_case: Any) -> None:
    case = slack_case.case
    case.ask()
    case.slack(case.person("ana"), "U1")
    slack_case.relay()
    slack_case.slack.trigger_seconds = -1
    assert slack_case.click("U1")["view"] is None
    eventually(
        lambda: [p["text"] for p in slack_case.slack.private] == ["Slack took too long to open the form. Click again."]
    )
    assert slack_case.slack.private[0]["response_type"] == "ephemeral"


def test_a_wake_that_fails_changes_nothing_of_the_decision(slack_case: Any) -> None:
    case, approval = slack_case.case, slack_case.case.ask()
    case.slack(case.person("ana"), "U1")
    slack_case.woken = None  # appending to it raises
    slack_case.relay()
    assert slack_case.click("U1", DENY)["status"] == 200
    assert case.get(approval).status is ApprovalStatus.DENIED


def test_the_url_of_the_events_endpoint_can_be_verified(slack_case: Any) -> None:
    body = json.dumps({"type": "url_verification", "challenge": "c-1", "token": "t"})
    headers = {**slack_case.slack.signed(body), "Content-Type": "application/json"}
    answer = httpx.post(f"{slack_case.slack.app_url}/slack/events", content=body, headers=headers)
    assert answer.json() == {"challenge": "c-1"}
