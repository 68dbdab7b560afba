"""Scenarios 3, 4, 5, 6, 15 and 42 at the edge: what reaches `/slack` and is, or is not, a decision."""

import asyncio
import json
import time
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from spine.approval import ApprovalStatus
from spine.person import Role
from spine.prompt import APPROVE, DENY


@pytest.fixture
def asked(slack_case: Any) -> Any:
    """A posted prompt that ana (U1) may answer."""
    slack_case.approval = slack_case.case.ask()
    slack_case.ana = slack_case.case.slack(slack_case.case.person("ana"), "U1")
    slack_case.relay()
    return slack_case


def _pending(asked: Any) -> bool:
    return asked.case.get(asked.approval).status is ApprovalStatus.PENDING


def _deliver(asked: Any, payload: dict[str, Any], **signing: Any) -> dict[str, Any]:
    answer: dict[str, Any] = asyncio.run(asked.slack.deliver(payload, **signing))
    return answer


def test_s03_a_click_delivered_three_times_is_one_decision(asked: Any) -> None:
    assert asked.click("U1", DENY, repeat=3)["status"] == 200
    assert asked.case.get(asked.approval).status is ApprovalStatus.DENIED
    actions = [action for action, _, _ in asked.case.audited()]
    assert actions.count("approval.decided") == 1


def test_s03_a_submission_delivered_again_does_not_use_the_code_twice(asked: Any) -> None:
    clicked = asked.click("U1")
    payload = asked.slack.submit_payload(
        clicked["view"]["id"], {"code": asked.case.code(asked.ana), "reason": "r"}, "U1"
    )
    first, again = _deliver(asked, payload), _deliver(asked, payload, retry=1)
    assert (first["status"], again["status"]) == (200, 200)
    assert "ana has approved this" in again["body"]["errors"]["code"]
    assert [action for action, _, _ in asked.case.audited()].count("approval.decided") == 1


@pytest.mark.parametrize(
    ("seconds", "signing"),
    [(-301, {}), (600, {}), (0, {"secret": "wrong"})],
    ids=["five-minutes-old", "from-the-future", "wrong-secret"],
)
def test_s04_a_replayed_or_wrongly_signed_payload_is_refused(asked: Any, seconds: int, signing: dict[str, Any]) -> None:
    payload = asked.slack.click_payload(asked.prompt["ts"], DENY, "U1")
    assert _deliver(asked, payload, at=time.time() + seconds, **signing)["status"] == 401
    assert _pending(asked)


@pytest.mark.parametrize("tamper", ["body", "no-signature", "no-timestamp", "binary"])
def test_s04_a_tampered_body_is_refused_and_audited(asked: Any, tamper: str) -> None:
    body = urlencode({"payload": json.dumps(asked.slack.click_payload(asked.prompt["ts"], DENY, "U1"))}).encode()
    headers = asked.slack.signed(body.decode())
    if tamper == "no-signature":
        del headers["X-Slack-Signature"]
    if tamper == "no-timestamp":
        del headers["X-Slack-Request-Timestamp"]
    sent = {"body": body + b"&x=1", "binary": b"\xff\xfe"}.get(tamper, body)
    answer = httpx.post(f"{asked.slack.app_url}/slack/interactivity", content=sent, headers=headers)
    assert answer.status_code == (400 if tamper == "binary" else 401)
    assert answer.headers["content-type"] != "application/problem+json"
    assert _pending(asked)
    if tamper != "binary":
        assert ("action.denied", "address:127.0.0.1", "refused") in asked.case.audited("_")


@pytest.mark.parametrize("path", ["/slack/interactivity", "/slack/events", "/slack/commands"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_s05_a_link_prefetch_decides_nothing(asked: Any, path: str, method: str) -> None:
    query = {"payload": json.dumps(asked.slack.click_payload(asked.prompt["ts"], DENY, "U1"))}
    answer = httpx.request(method, f"{asked.slack.app_url}{path}", params=query)
    assert answer.status_code == 405
    assert _pending(asked)


@pytest.mark.parametrize("known", [True, False], ids=["viewer", "unknown"])
def test_s06_a_click_without_the_role_is_refused_audited_and_told_privately(asked: Any, known: bool) -> None:
    if known:
        asked.case.slack(asked.case.person("eve", Role.VIEWER), "U6")
    for action in (APPROVE, DENY):
        clicked = asked.click("U6", action)
        assert (clicked["status"], clicked["view"]) == (200, None)
    assert _pending(asked)
    actor = "person:eve@example.org" if known else "slack:T1/U6"
    assert [entry for entry in asked.case.audited() if entry[0] == "action.denied"] == [
        ("action.denied", actor, "refused")
    ] * 2
    until = time.monotonic() + 3
    while len(asked.slack.private) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    assert [(told["user"], told["response_type"], told["replace_original"]) for told in asked.slack.private] == [
        ("U6", "ephemeral", False)
    ] * 2
    assert "may not decide" in asked.slack.private[0]["text"]


def test_s15_a_click_on_a_message_from_before_a_restart_works(asked: Any) -> None:
    asked.restart_gateway()
    answer = asked.submit(asked.click("U1"), "U1", asked.case.code(asked.ana))
    assert answer["errors"] == {}
    assert asked.case.get(asked.approval).status is ApprovalStatus.APPROVED


@pytest.mark.parametrize("value", ["4d491e78-f8db-4112-ab6c-16972a2be661", "", "x' or 1=1 --", "\x00", "9" * 2000])
@pytest.mark.parametrize("action", [APPROVE, DENY])
def test_s42_a_forged_approval_id_is_refused_and_audited(asked: Any, value: str, action: str) -> None:
    payload = asked.slack.click_payload(asked.prompt["ts"], action, "U1")
    payload["actions"][0]["value"] = value
    assert _deliver(asked, payload)["status"] == 200
    assert _pending(asked)
    assert [entry[0] for entry in asked.case.audited("_")].count("action.denied") == 1


def test_s42_the_same_user_id_in_another_workspace_is_somebody_else(asked: Any) -> None:
    asked.click("U1", DENY, team="T666")
    assert _pending(asked)
    assert ("action.denied", "slack:T666/U1", "refused") in asked.case.audited()
