"""Signing in by link and by recovery code, as programs and as plain forms; what is refused, and how alike."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from spine import totp
from spine.person import Role
from store import people, recovery

HOME, SESSION = "/admin/auth-ops", "/api/ops/session"


def audited(site: Any, outcome: str) -> list[dict[str, Any]]:
    with site.database.system() as connection:
        rows = connection.execute(text("select entry from audit_entries order by at, seq"))
        entries = [json.loads(row.entry)["data"] for row in rows]
    return [entry for entry in entries if entry["outcome"] == outcome]


def test_a_link_and_a_code_sign_in_once(site: Any) -> None:
    ann, browser = site.person(), site.browser()
    asked = {"token": site.link(ann), "code": site.code(ann)}
    answer = browser.post(f"{SESSION}/link", json=asked)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["person"]["email"], told["tenant"], told["method"]) == ("ann@example.org", "acme", "link")
    assert told["stepped_up_at"] is not None
    assert "approvals:decide" in told["scopes"]
    cookie = answer.headers["set-cookie"]
    assert "opsspine=" in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert browser.get(SESSION).json()["person"]["name"] == "Ann"
    assert site.browser().post(f"{SESSION}/link", json={**asked, "code": site.code(ann)}).status_code == 401
    [entry] = audited(site, "signed in")
    assert (entry["actor"], entry["detail"]["method"]) == ("person:ann@example.org", "link")


def test_a_wrong_code_leaves_the_link_good_and_a_used_code_is_refused(site: Any) -> None:
    ann = site.person()
    token, code = site.link(ann), site.code(ann)
    wrong = site.browser().post(f"{SESSION}/link", json={"token": token, "code": "000000"})
    assert (wrong.status_code, wrong.json()["type"]) == (401, "urn:opsspine:problem:stepup.refused")
    assert site.browser().post(f"{SESSION}/link", json={"token": token, "code": code}).status_code == 200
    replayed = site.browser().post(f"{SESSION}/link", json={"token": site.link(ann), "code": code})
    assert replayed.status_code == 401, "a code is good once"


@pytest.mark.parametrize("case", ["expired", "forged", "disabled", "of another purpose"])
def test_links_that_are_not_good_are_refused_alike(site: Any, case: str) -> None:
    ann = site.person()
    token, code = site.link(ann), site.code(ann)
    if case == "expired":
        site.clock.advance(timedelta(hours=2))
    elif case == "forged":
        token = token[:-5] + "AAAAA"
    elif case == "disabled":
        with site.database.system() as connection:
            people.disable(connection, ann.email, actor="test", now=site.clock.now())
    else:
        from spine.person import PersonRef
        from store import account_link

        with site.database.system() as connection:
            slack = PersonRef.by_slack("T1", "U1")
            token = account_link.issue(connection, slack, site.clock.now(), settings=site.settings)
    answer = site.browser().post(f"{SESSION}/link", json={"token": token, "code": code})
    assert (answer.status_code, answer.json()["type"]) == (401, "urn:opsspine:problem:signin.link")
    assert "set-cookie" not in answer.headers
    assert site.browser().get(f"{HOME}/sign-in/link", params={"token": token}).status_code == 401


def test_the_first_link_sets_up_the_authenticator_without_javascript(site: Any) -> None:
    ann, browser = site.person(), site.browser()
    token = site.link(ann, enrols=None)
    page = browser.get(f"{HOME}/sign-in/link", params={"token": token})
    secret = re.search(r'<code class="wrap">([A-Z2-7]{32})</code>', page.text)
    assert secret is not None
    assert '<svg class="qr"' in page.text
    assert page.headers["referrer-policy"] == "same-origin", "the link's token is told to nobody else"
    assert secret[1] != site.secrets[ann.email]
    assert browser.send_form(page.text, f"{HOME}/sign-in/link", code="000000").status_code == 401
    page = browser.get(f"{HOME}/sign-in/link", params={"token": token})
    secret = re.search(r'<code class="wrap">([A-Z2-7]{32})</code>', page.text)
    assert secret is not None
    done = browser.send_form(page.text, f"{HOME}/sign-in/link", code=totp.code_at(secret[1], site.clock.now()))
    assert done.status_code == 200
    codes = re.findall(r"^(?:.*>)?(\d+-\w{5}-\w{5}-\w{5})$", done.text, re.MULTILINE)
    assert len(codes) == 10
    me = browser.get(SESSION).json()
    assert (me["recovery_codes_left"], me["method"]) == (10, "link")
    site.secrets[ann.email] = secret[1]
    assert site.signed_in(ann).get(SESSION).status_code == 200, "the new authenticator works, and the old one ended"


def test_a_recovery_code_and_an_authenticator_sign_in_and_the_code_is_used_up(site: Any) -> None:
    ann = site.person()
    with site.database.system() as connection:
        codes = recovery.renew(connection, ann.id, 3)
    browser = site.browser()
    sent = browser.fill(
        f"{HOME}/sign-in?next={HOME}/approvals", f"{HOME}/sign-in",
        email="Ann@Example.org", recovery_code=codes[1], code=site.code(ann),
    )  # fmt: skip
    assert (sent.status_code, sent.headers["location"]) == (303, f"{HOME}/approvals")
    assert browser.get(SESSION).json()["method"] == "recovery"
    again = {"email": ann.email, "recovery_code": codes[1], "code": site.code(ann)}
    assert site.browser().post(f"{SESSION}/recovery", json=again).status_code == 401
    right = {**again, "recovery_code": codes[2], "code": site.code(ann)}
    assert site.browser().post(f"{SESSION}/recovery", json=right).status_code == 200


def test_known_and_unknown_people_are_refused_by_the_same_work_in_the_same_words(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob = site.person("ann"), site.person("bob")
    with site.database.system() as connection:
        codes = recovery.renew(connection, ann.id, 3)
        people.disable(connection, bob.email, actor="test", now=site.clock.now())
    hashed: list[str] = []
    real = recovery._matches
    monkeypatch.setattr(recovery, "_matches", lambda stored, letters: hashed.append(stored) or real(stored, letters))
    tries = {
        "unknown": ("nobody@example.org", codes[0]),
        "known, wrong recovery code": ("ann@example.org", "1-aaaaa-bbbbb-ccccc"),
        "known, no code of this number": ("ann@example.org", "77-aaaaa-bbbbb-ccccc"),
        "known, no code at all": ("ann@example.org", "x"),
        "disabled": ("bob@example.org", codes[0]),
    }
    answers, parameters = [], set()
    for name, (email, code) in tries.items():
        before = len(hashed)
        answer = site.browser().post(
            f"{SESSION}/recovery", json={"email": email, "recovery_code": code, "code": "123456"}
        )
        assert len(hashed) - before == 1, name
        parameters.add(hashed[-1].rsplit("$", 2)[0])
        told = {**answer.json(), "instance": ""}
        answers.append((answer.status_code, told, sorted(answer.headers.keys())))
    assert all(answer == answers[0] for answer in answers)
    assert len(parameters) == 1, "the same cost, whoever it is"
    with site.database.system() as connection:
        counted = connection.execute(text("select count(*) from stepup_attempts")).scalar_one()
    assert counted == 0, "strangers use up nobody's tries"


def test_too_many_tries_are_told_to_wait_known_or_not(site: Any) -> None:
    site.person()
    site.settings.signin.rate.account_burst = 2

    def tries(email: str) -> list[tuple[int, str | None]]:
        asked = {"email": email, "recovery_code": "1-aaaaa-bbbbb-ccccc", "code": "1"}
        answers = [site.browser().post(f"{SESSION}/recovery", json=asked) for _ in range(4)]
        return [(one.status_code, one.headers.get("retry-after")) for one in answers]

    assert tries("ann@example.org") == tries("nobody@example.org") == [(401, None)] * 2 + [(429, "150")] * 2
    site.settings.signin.rate.signin_burst = 9
    answer = site.browser().post(f"{SESSION}/passkey/options")
    assert answer.status_code == 200
    answer = site.browser().post(f"{SESSION}/passkey/options")
    assert answer.status_code == 429, "an address has a limit over all ways in"
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.headers["content-type"] == "application/problem+json"
    page = site.browser().get(f"{HOME}/sign-in/link", params={"token": "x"})
    assert (page.status_code, "Try again in" in page.text) == (429, True)


def test_who_knows_an_address_shuts_nobody_out_from_afar(site: Any) -> None:
    ann = site.person()
    site.settings.signin.rate.account_burst = 2
    with site.database.system() as connection:
        code = recovery.renew(connection, ann.id, 1)[0]
    wrong = {"email": ann.email, "recovery_code": "1-aaaaa-bbbbb-ccccc", "code": "1"}
    far = {"X-Forwarded-For": "203.0.113.9"}
    assert [site.browser().post(f"{SESSION}/recovery", json=wrong, headers=far).status_code for _ in range(4)] == [
        401, 401, 429, 429,
    ]  # fmt: skip
    right = {"email": ann.email, "recovery_code": code, "code": site.code(ann)}
    assert site.browser().post(f"{SESSION}/recovery", json=right).status_code == 200


@pytest.mark.parametrize(
    "target",
    ["https://evil.example", "//evil.example", "/\\evil.example", "/admin/auth-ops/../../x", "/api/ops/keys",
     "/admin/auth-ops//evil.example", "javascript:alert(1)", "/admin/auth-opsevil", "/admin/auth-ops/\r\nX: y"],
)  # fmt: skip
def test_nobody_is_sent_elsewhere_after_signing_in(site: Any, target: str) -> None:
    ann = site.person()
    with site.database.system() as connection:
        codes = recovery.renew(connection, ann.id, 1)
    browser = site.browser()
    page = browser.get(f"{HOME}/sign-in", params={"next": target})
    assert f'data-next="{HOME}"' in page.text
    sent = browser.send_form(
        page.text, f"{HOME}/sign-in", email=ann.email, recovery_code=codes[0], code=site.code(ann), next=target
    )
    assert (sent.status_code, sent.headers["location"]) == (303, HOME)
    assert browser.get(f"{HOME}/sign-in", params={"next": target}).headers["location"] == HOME
    stepped = browser.fill(f"{HOME}/step-up", f"{HOME}/step-up", code=site.code(ann), next=target)
    assert stepped.headers["location"] == HOME


def test_a_form_of_another_page_signs_nobody_in(site: Any) -> None:
    ann = site.person()
    with site.database.system() as connection:
        codes = recovery.renew(connection, ann.id, 1)
    right = {"email": ann.email, "recovery_code": codes[0], "code": site.code(ann)}
    browser = site.browser()
    assert browser.post(f"{HOME}/sign-in", data=right).status_code == 403, "without page and token"
    browser.get(f"{HOME}/sign-in")
    assert browser.post(f"{HOME}/sign-in", data={**right, "csrf": "guess"}).status_code == 403
    html = site.browser().get(f"{HOME}/sign-in").text
    assert browser.send_form(html, f"{HOME}/sign-in", **right).status_code == 403, "the token of another browser"
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert browser.post(f"{SESSION}/recovery", json=right, headers=foreign).status_code == 403
    origin = {"Origin": "https://evil.example"}
    assert browser.post(f"{SESSION}/recovery", json=right, headers=origin).status_code == 403
    assert browser.get(SESSION).status_code == 401
    assert browser.post(f"{SESSION}/recovery", json=right, headers={"Origin": site.url}).status_code == 200


def test_somebody_without_a_role_may_enter_and_sees_nothing(site: Any) -> None:
    ann = site.person(role=Role.VIEWER, tenant="acme")
    browser = site.signed_in(ann)
    with site.database.system() as connection:
        connection.execute(text("delete from person_roles"))
    assert browser.get(SESSION).json()["scopes"] == []
    assert browser.get("/api/ops/incidents").status_code == 403
