"""Passkeys in a real browser with a virtual authenticator, and what a copy or a replay of their answers is worth."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

HOME, SESSION = "/admin/auth-ops", "/api/ops/session"


class Visitor:
    """A page with an authenticator, in a context of its own; `problems` is what the browser complained of."""

    def __init__(self, chromium: Any, site: Any, *, verified: bool = True, script: bool = True) -> None:
        self.site = site
        self.context = chromium.new_context(java_script_enabled=script)
        self.context.set_default_timeout(60_000)
        self.page = self.context.new_page()
        self.problems: list[str] = []
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on(
            "console", lambda said: self.problems.append(said.text) if "Content Security" in said.text else None
        )
        self.cdp = self.context.new_cdp_session(self.page)
        self.cdp.send("WebAuthn.enable")
        options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
                   "isUserVerified": verified, "automaticPresenceSimulation": True}  # fmt: skip
        self.authenticator = self.cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]

    def open(self, path: str) -> Any:
        self.page.goto(f"{self.site.url}{path}")
        return self.page

    def signed_in(self, person: Any) -> "Visitor":
        token = self.site.signed_in(person).cookies["opsspine"]
        self.context.add_cookies([{"name": "opsspine", "value": token, "url": self.site.url}])
        return self

    def add_passkey(self, name: str = "laptop") -> None:
        self.open(f"{HOME}/me")
        self.page.fill("[data-passkey-name]", name)
        self.page.click('[data-passkey="add"]')
        self.page.wait_for_url(f"**{HOME}/me?done=passkey")

    def who(self) -> dict[str, Any]:
        return dict(self.context.request.get(f"{self.site.url}{SESSION}").json())

    def credentials(self) -> list[dict[str, Any]]:
        asked = {"authenticatorId": self.authenticator}
        return list(self.cdp.send("WebAuthn.getCredentials", asked)["credentials"])


@pytest.fixture
def visitor(chromium: Any, site: Any) -> Iterator[Any]:
    """visitor(...) opens a browser of its own."""
    opened: list[Visitor] = []

    def make(**more: Any) -> Visitor:
        opened.append(Visitor(chromium, site, **more))
        return opened[-1]

    yield make
    for one in opened:
        one.context.close()


def test_a_passkey_is_added_signs_in_and_steps_up(site: Any, visitor: Any) -> None:
    ann = site.person()
    mine = visitor().signed_in(ann)
    mine.add_passkey("work laptop")
    assert "work laptop" in mine.page.inner_text("main")
    mine.page.click("text=Sign out")
    mine.page.wait_for_url(f"**{HOME}/sign-in**")
    mine.open(f"{HOME}/sign-in?next={HOME}/me")
    mine.page.click('[data-passkey="sign-in"]')
    mine.page.wait_for_url(f"{site.url}{HOME}/me")
    told = mine.who()
    assert (told["person"]["email"], told["method"]) == ("ann@example.org", "passkey")
    assert told["stepped_up_at"] is not None, "it is both factors at once"
    site.clock.advance(timedelta(minutes=6))
    mine.open(f"{HOME}/me/authenticator")
    assert "/step-up?next=" in mine.page.url
    mine.page.click('[data-passkey="step-up"]')
    mine.page.wait_for_url(f"**{HOME}/me/authenticator")
    assert mine.page.locator("svg.qr").count() == 1
    [credential] = mine.credentials()
    assert credential["signCount"] == 3
    assert mine.problems == []


def test_several_passkeys_and_removing_one_needs_a_fresh_second_factor(site: Any, visitor: Any) -> None:
    ann = site.person()
    first, second = visitor().signed_in(ann), visitor().signed_in(ann)
    first.add_passkey("laptop")
    site.clock.advance(timedelta(seconds=1))
    second.add_passkey("phone")
    browser = site.signed_in(ann)
    known = browser.get(f"{SESSION}/passkeys").json()
    assert [one["name"] for one in known] == ["laptop", "phone"]
    site.clock.advance(timedelta(minutes=6))
    refused = browser.delete(f"{SESSION}/passkeys/{known[0]['id']}")
    assert (refused.status_code, refused.json()["type"]) == (401, "urn:opsspine:problem:stepup.needed")
    assert browser.post(f"{SESSION}/step-up", json={"code": site.code(ann)}).status_code == 200
    others = site.signed_in(site.person("bob"))
    assert others.delete(f"{SESSION}/passkeys/{known[0]['id']}").status_code == 404, "somebody else's"
    assert browser.delete(f"{SESSION}/passkeys/{known[0]['id']}").status_code == 204
    assert browser.delete(f"{SESSION}/passkeys/{known[0]['id']}").status_code == 404
    first.context.clear_cookies()
    first.open(f"{HOME}/sign-in")
    first.page.click('[data-passkey="sign-in"]')
    first.page.wait_for_selector("[data-passkey-says]:not([hidden])")
    assert "not accepted" in first.page.inner_text("[data-passkey-says]")
    with site.database.system() as connection:
        rows = connection.execute(text("select entry from audit_entries")).scalars()
        told = [json.loads(row)["data"] for row in rows]
    assert [e["before"] for e in told if e["before"] and "passkey" in e["before"]] == [{"passkey": "laptop"}]


def test_a_passkey_without_user_verification_is_one_factor_and_not_taken(site: Any, visitor: Any) -> None:
    careless = visitor(verified=False).signed_in(site.person())
    careless.open(f"{HOME}/me")
    careless.page.click('[data-passkey="add"]')
    careless.page.wait_for_selector("[data-passkey-says]:not([hidden])")
    assert careless.credentials() == []
    with site.database.system() as connection:
        assert connection.execute(text("select count(*) from passkeys")).scalar_one() == 0


def test_an_answer_is_good_once_in_the_browser_that_was_asked(site: Any, visitor: Any) -> None:
    ann = site.person()
    mine = visitor().signed_in(ann)
    mine.add_passkey()
    mine.context.clear_cookies()
    mine.open(f"{HOME}/sign-in")
    sent: list[tuple[str, dict[str, str]]] = []
    mine.page.on(
        "request",
        lambda r: sent.append((r.post_data or "", r.all_headers())) if r.url.endswith(f"{SESSION}/passkey") else None,
    )
    mine.page.click('[data-passkey="sign-in"]')
    mine.page.wait_for_url(f"**{HOME}")
    [(body, headers)] = sent
    cookies = dict(one.split("=", 1) for one in headers["cookie"].split("; "))

    def replay(said: str, carried: dict[str, str]) -> int:
        json_body = {"Content-Type": "application/json"}
        return int(
            site.browser(cookies=carried).post(f"{SESSION}/passkey", content=said, headers=json_body).status_code
        )

    assert replay(body, cookies) == 401, "with everything the browser sent"
    fresh = site.browser()
    fresh.post(f"{SESSION}/passkey/options")
    assert replay(body, dict(fresh.cookies)) == 401, "for a challenge of its own"
    for junk in ('{"credential": {}}', '{"credential": {"rawId": 7}}', '{"credential": {"rawId": "%%%"}}'):
        assert replay(junk, cookies) == 401
    assert replay("[]", cookies) == 422


def test_a_copy_of_an_authenticator_is_noticed_by_its_count(site: Any, visitor: Any) -> None:
    ann = site.person()
    mine = visitor().signed_in(ann)
    mine.add_passkey()
    [copied] = mine.credentials()
    mine.context.clear_cookies()
    for _ in range(2):
        mine.open(f"{HOME}/sign-in")
        mine.page.click('[data-passkey="sign-in"]')
        mine.page.wait_for_url(f"**{HOME}")
        mine.context.clear_cookies()
    copy = visitor()
    copy.cdp.send("WebAuthn.addCredential", {"authenticatorId": copy.authenticator, "credential": copied})
    copy.open(f"{HOME}/sign-in")
    copy.page.click('[data-passkey="sign-in"]')
    copy.page.wait_for_selector("[data-passkey-says]:not([hidden])")
    assert copy.context.request.get(f"{site.url}{SESSION}").status == 401


def test_everything_but_passkeys_works_without_javascript(site: Any, visitor: Any) -> None:
    ann = site.person()
    plain = visitor(script=False)
    page = plain.open(f"{HOME}/sign-in/link?token={site.link(ann)}")
    page.fill('input[name="code"]', site.code(ann))
    page.click("button:has-text('Sign in')")
    page.goto(f"{site.url}{HOME}/me")
    assert "Passkeys need JavaScript" in page.inner_text("main")
    assert page.is_disabled('[data-passkey="add"]')
    site.clock.advance(timedelta(minutes=6))
    page.click("button:has-text('New recovery codes')")
    assert "/step-up" in page.url
    page.fill('input[name="code"]', site.code(ann))
    page.click("button:has-text('Go on')")
    page.click("button:has-text('New recovery codes')")
    assert len(page.inner_text("[data-recovery-codes]").split()) == 10
