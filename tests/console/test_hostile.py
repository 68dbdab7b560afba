"""Hostile text, hostile sites, hostile forms."""

from collections.abc import Callable
from typing import Any

import pytest

from spine.approval import ApprovalStatus

HOSTILE = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>\'"{{7*7}}\u202e'

pytestmark = pytest.mark.timeout(600)


def test_hostile_text_is_shown_as_text(night: Any, visit: Callable[..., Any], site: str) -> None:
    """From events, notes, reasons and names alike: nothing of it runs, and no policy had to stop it."""
    night.plan()
    night.note(HOSTILE, title=HOSTILE)
    client = night.client(site, night.ann)
    for path, form in (
        (f"/incidents/{night.incident.id}/notes", {"text": HOSTILE}),
        ("/suppressions", {"reason": "deploy", "note": HOSTILE, "minutes": "5"}),
    ):
        assert client.post(path, data={"csrf": client.csrf, **form}).status_code == 303
    page = visit(f"/incidents/{night.incident.id}", who=night.ann)
    home = page.url.split("/incidents")[0]
    for path in (page.url, home, f"{home}/suppressions", f"{home}/audit?actor=%3Cscript%3Ealert(1)%3C/script%3E",
                 f"{home}/flags?q=%22%3E%3Cscript%3Ewindow.pwned=1%3C/script%3E", f"{home}/%3Cscript%3E"):  # fmt: skip
        page.goto(path)
        assert page.evaluate("window.pwned") is None
        assert page.locator("img[src=x]").count() == 0
        assert "49" not in page.title()
    assert [said for said in page.problems if "404" not in said] == []


def test_a_form_without_the_sessions_token_does_nothing(night: Any, site: str) -> None:
    asked = night.asked(night.plan())
    client = night.client(site, night.ann, stepped_up=True)
    other = night.client(site, night.cho)
    form = {"vote": "approve", "reason": "x"}
    for token in ({}, {"csrf": ""}, {"csrf": "x" * 43}, {"csrf": other.csrf}):
        answer = client.post(f"/approvals/{asked.id}/decide", data={**form, **token})
        assert answer.status_code == 403
        assert "text/html" in answer.headers["content-type"]
    assert night.asked_now(asked).status is ApprovalStatus.PENDING


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}]
)
def test_a_form_of_another_site_does_nothing(headers: dict[str, str], night: Any, site: str) -> None:
    client = night.client(site, night.ann)
    form = {"csrf": client.csrf, "text": "x"}
    assert client.post(f"/incidents/{night.incident.id}/notes", data=form, headers=headers).status_code == 403


def test_every_answer_keeps_to_itself(night: Any, site: str) -> None:
    """No frame around it, no script but ours, nothing kept on the way: pages, errors and redirects."""
    client, nobody = night.client(site, night.ann), night.client(site, None)
    for answer in (client.get("/incidents"), client.get("/nowhere"), nobody.get("/incidents"), nobody.get("/sign-in")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"


def test_who_is_not_signed_in_is_sent_there_and_back_again(night: Any, site: str) -> None:
    answer = night.client(site, None).get("/incidents?live=yes")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/admin/auth-ops/sign-in?next=%2Fadmin%2Fauth-ops%2Fincidents%3Flive%3Dyes"


@pytest.mark.parametrize(
    "target",
    ["https://evil.example", "//evil.example", "/\\evil.example", "/admin/auth-ops/../../evil", "javascript:alert(1)",
     "/admin/auth-ops@evil.example", "/admin/auth-opsevil", "/admin/auth-ops//evil.example", "\t//evil.example", ""],
)  # fmt: skip
def test_nobody_is_sent_elsewhere(target: str, night: Any, site: str) -> None:
    client = night.client(site, night.ann)
    answer = client.post("/theme", data={"csrf": client.csrf, "theme": "dark", "next": target})
    assert answer.headers["location"] == "/admin/auth-ops"


def test_a_decision_goes_back_to_the_console_alone(night: Any, site: str) -> None:
    asked = night.asked(night.plan())
    client = night.client(site, night.ann, stepped_up=True)
    form = {"csrf": client.csrf, "vote": "approve", "reason": "seen", "back": "https://evil.example/x"}
    answer = client.post(f"/approvals/{asked.id}/decide", data=form)
    assert answer.headers["location"] == "/admin/auth-ops?said=approved"


@pytest.mark.parametrize(
    "path", ["../page.py", "..%2fpage.py", "%2e%2e/page.py", "..%5cpage.py", "vendor/../../page.py", "/etc/passwd", ""]
)
def test_no_file_but_ours_is_served(path: str, night: Any, site: str) -> None:
    answer = night.client(site, night.ann).get(f"/static/{path}")
    assert answer.status_code == 404
    assert "HEADERS" not in answer.text


def test_fields_that_no_form_has_change_nothing(night: Any, site: str) -> None:
    """Who votes, for which tenant and by which way is told by the session; when, by the clock."""
    asked = night.asked(night.plan())
    client = night.client(site, night.ann)
    forged = {
        "tenant": "other", "person": "cho@example.org", "via": "slack", "stepped_up_at": "2999-01-01T00:00:00Z",
        "now": "2000-01-01", "status": "approved", "actor": "engine", "totp": "000000",
    }  # fmt: skip
    form = {"csrf": client.csrf, "vote": "approve", "reason": "x", **forged}
    assert client.post(f"/approvals/{asked.id}/decide", data=form).status_code == 409
    assert night.asked_now(asked).status is ApprovalStatus.PENDING
    form |= {"code": night.code(night.ann)}
    assert client.post(f"/approvals/{asked.id}/decide", data=form).status_code == 303
    now = night.asked_now(asked)
    assert (now.via, now.tenant_id, night.voters(asked)) == ("console", "acme", ["ann@example.org"])


def test_the_word_in_the_address_is_one_of_ours(night: Any, site: str) -> None:
    page = night.client(site, night.ann).get("/incidents", params={"said": "<b>Approved by everybody</b>"}).text
    assert "by everybody" not in page.replace("said=", "")
