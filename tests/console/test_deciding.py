"""Yes and no in a browser, with and without scripts; each goes through the one decision."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from spine.approval import ApprovalStatus
from spine.person import Role

HOME = "/admin/auth-ops"
pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def asked(night: Any) -> Any:
    """The question of the night's plan."""
    return night.asked(night.plan())


def _now(night: Any, asked: Any) -> Any:
    return night.asked_now(asked)


@pytest.mark.parametrize("script", [True, False], ids=["with scripts", "without scripts"])
def test_approve_with_a_code(script: bool, night: Any, asked: Any, visit: Callable[..., Any]) -> None:
    page = visit(f"/incidents/{night.incident.id}", who=night.ann, script=script)
    form = page.locator(f"#approval-{asked.id}")
    form.locator("[name=reason]").fill("seen the evidence")
    form.locator("[name=code]").fill(night.code(night.ann))
    form.locator("button[value=approve]").click()
    page.wait_for_selector("text=Ann Berg via console >> nth=0", state="attached")
    assert "Ann Berg via console" in page.text_content("body")
    now = _now(night, asked)
    assert (now.status, now.via, now.reason) == (ApprovalStatus.APPROVED, "console", "seen the evidence")
    assert night.woken == [asked.id]
    assert page.problems == []


@pytest.mark.parametrize("script", [True, False], ids=["with scripts", "without scripts"])
def test_a_wrong_code_is_told_beside_the_form_and_what_was_typed_is_kept(
    script: bool, night: Any, asked: Any, visit: Callable[..., Any]
) -> None:
    page = visit(f"/incidents/{night.incident.id}", who=night.ann, script=script)
    form = page.locator(f"#approval-{asked.id}")
    form.locator("[name=reason]").fill("seen the evidence")
    form.locator("[name=code]").fill("000000")
    form.locator("button[value=approve]").click()
    page.wait_for_selector("[role=alert]")
    assert "was not accepted" in page.inner_text(f"#wrong-{asked.id}")
    assert form.locator("[name=reason]").input_value() == "seen the evidence"
    if script:
        assert page.url.endswith(str(night.incident.id)), "the page stays"
        night.vote(asked, night.cho)  # and so does the answer, whatever happens meanwhile
        page.wait_for_selector("#questions [data-stale-note]:not([hidden])")
        assert page.is_visible(f"#wrong-{asked.id}")
        return
    assert _now(night, asked).status is ApprovalStatus.PENDING


def test_deny_needs_a_reason_and_no_code(night: Any, asked: Any, visit: Callable[..., Any]) -> None:
    page = visit(f"/approvals/{asked.id}", who=night.ann, script=False)
    page.fill("[name=reason]", "a partner's load test")
    page.click("button[value=deny]")
    now = _now(night, asked)
    assert (now.status, now.reason) == (ApprovalStatus.DENIED, "a partner's load test")
    assert "Denied." in page.inner_text(".said")


def test_a_second_factor_shown_just_now_needs_no_code(night: Any, asked: Any, visit: Callable[..., Any]) -> None:
    """As after a passkey: the session has shown one."""
    page = visit(f"/approvals/{asked.id}", who=night.ann, stepped_up=True, script=False)
    assert page.locator("[name=code]").count() == 0
    page.fill("[name=reason]", "seen")
    page.click("button[value=approve]")
    assert _now(night, asked).status is ApprovalStatus.APPROVED


def test_a_second_factor_shown_long_ago_is_asked_for_again(night: Any, asked: Any, site: str) -> None:
    client = night.client(site, night.ann, stepped_up=True)
    night.clock.advance(timedelta(minutes=6))
    form = {"csrf": client.csrf, "vote": "approve", "reason": "seen"}
    answer = client.post(f"/approvals/{asked.id}/decide", data=form)
    assert answer.status_code == 409
    assert "six-digit code" in answer.text
    assert _now(night, asked).status is ApprovalStatus.PENDING


def test_whoever_is_second_is_told_who_was_first(night: Any, asked: Any, site: str) -> None:
    client = night.client(site, night.ann, stepped_up=True)
    night.vote(asked, night.cho)
    form = {"csrf": client.csrf, "vote": "deny", "reason": "no"}
    answer = client.post(f"/approvals/{asked.id}/decide", data=form)
    assert answer.status_code == 409
    assert "Cho Vu via slack" in answer.text
    assert _now(night, asked).status is ApprovalStatus.APPROVED


def test_a_viewer_sees_the_question_and_no_form(night: Any, asked: Any, site: str) -> None:
    client = night.client(site, night.vic)
    page = client.get(f"/approvals/{asked.id}").text
    assert "ip.throttle" in page
    assert 'name="vote"' not in page
    form = {"csrf": client.csrf, "vote": "approve", "reason": "x", "code": night.code(night.vic)}
    assert client.post(f"/approvals/{asked.id}/decide", data=form).status_code == 403
    assert _now(night, asked).status is ApprovalStatus.PENDING


def test_another_tenants_question_and_incident_are_not_there(night: Any, asked: Any, site: str) -> None:
    eve = night.person("Eve Ng", Role.INCIDENT_COMMANDER, tenant="other")
    client = night.client(site, eve, stepped_up=True)
    assert client.get(f"/approvals/{asked.id}").status_code == 404
    assert client.get(f"/incidents/{night.incident.id}").status_code == 404
    form = {"csrf": client.csrf, "vote": "approve", "reason": "x"}
    assert client.post(f"/approvals/{asked.id}/decide", data=form).status_code == 404
    assert client.post(f"/approvals/{asked.id}/ratify", data={**form, "code": "123456"}).status_code == 404
    for act in ("acknowledge", "notes", "act", "resolve"):
        sent = {"csrf": client.csrf, "text": "x", "action": "ip.block", "reason": "x"}
        assert client.post(f"/incidents/{night.incident.id}/{act}", data=sent).status_code == 404
    assert "ip.throttle" not in client.get("/approvals").text
    assert _now(night, asked).status is ApprovalStatus.PENDING


def test_approve_with_a_passkey_where_the_code_is_asked(
    night: Any, asked: Any, site: str, visit: Callable[..., Any]
) -> None:
    """The browser's own authenticator; first the reason, which the form wants."""
    local = site.replace("127.0.0.1", "localhost")  # browsers know no passkeys of bare addresses
    night.settings.gateway.public_url = local
    page = visit("/incidents", who=night.ann)
    page.context.add_cookies(
        [{"name": night.cookie_name, "value": night.token(night.ann, stepped_up=True), "url": local}]
    )
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    devtools.send(
        "WebAuthn.addVirtualAuthenticator",
        {"options": {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
                     "isUserVerified": True, "automaticPresenceSimulation": True}},
    )  # fmt: skip
    page.goto(f"{local}{HOME}/me")
    page.click('[data-passkey="add"]')
    page.wait_for_url("**/me?done=passkey")
    night.clock.advance(timedelta(minutes=6))
    page.goto(f"{local}{HOME}/incidents/{night.incident.id}")
    form = page.locator(f"#approval-{asked.id}")
    form.locator("[data-passkey]").click()
    assert _now(night, asked).status is ApprovalStatus.PENDING, "a reason is missing"
    form.locator("[name=reason]").fill("seen the evidence")
    form.locator("[data-passkey]").click()
    page.wait_for_selector("text=Ann Berg via console >> nth=0", state="attached")
    assert _now(night, asked).status is ApprovalStatus.APPROVED
    assert page.problems == []


def test_what_comes_next_follows_what_was_answered(night: Any, asked: Any, site: str) -> None:
    client, here = night.client(site, night.ann), f"/incidents/{night.incident.id}"
    client.post(f"{here}/acknowledge", data={"csrf": client.csrf})
    before = client.get(here).text
    assert "approve before" in before
    assert "not yet" in before
    assert "person:ann@example.org has seen" not in before, "people have names and addresses"
    assert "ann@example.org has seen it and takes care" in before
    assert "data-passkey" in before
    night.vote(asked, night.cho)
    after = client.get(here).text
    assert "approve before" not in after
    assert "verification within" in after
