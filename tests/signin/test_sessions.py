"""Sessions over HTTP: what ends them, what changes their token, what stands against forged requests, step-up."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from spine.ids import TenantId
from spine.person import Role
from store import people, recovery
from store.keys import add_key
from store.secrets import Vault

HOME, SESSION = "/admin/auth-ops", "/api/ops/session"


def test_a_session_is_over_after_idleness_and_says_so(site: Any) -> None:
    browser = site.signed_in(site.person())
    site.clock.advance(timedelta(minutes=59))
    assert browser.get(SESSION).status_code == 200
    site.clock.advance(timedelta(minutes=61))
    over = browser.get(SESSION)
    assert (over.status_code, over.json()["type"]) == (401, "urn:opsspine:problem:session.over")
    page = browser.get(f"{HOME}/me")
    assert (page.status_code, page.headers["location"]) == (303, f"{HOME}/sign-in?next=%2Fadmin%2Fauth-ops%2Fme")


def test_a_disabled_person_is_out_at_once_and_stays_out_when_they_come_back(site: Any) -> None:
    ann = site.person()
    browser = site.signed_in(ann)
    with site.database.system() as connection:
        people.disable(connection, ann.email, actor="test", now=site.clock.now())
    assert browser.get(SESSION).status_code == 401
    site.person()
    assert browser.get(SESSION).status_code == 401


def test_a_role_that_was_taken_away_is_gone_at_the_next_request(site: Any) -> None:
    browser = site.signed_in(site.person(role=Role.SECURITY_ADMIN))
    assert "keys:write" in browser.get(SESSION).json()["scopes"]
    with site.database.system() as connection:
        connection.execute(text("update person_roles set role = 'viewer'"))
    scopes = browser.get(SESSION).json()["scopes"]
    assert "keys:write" not in scopes
    assert "incidents:read" in scopes
    assert browser.get("/api/ops/keys").status_code == 403


@pytest.mark.parametrize("value", ["forged", "", "x" * 5000, "' or 1=1 --", "%00"])
def test_forged_cookies_open_nothing(site: Any, value: str) -> None:
    site.signed_in(site.person())
    assert site.browser(cookies={"opsspine": value}).get(SESSION).status_code == 401


def test_a_token_known_before_signing_in_or_stepping_up_is_worth_nothing_after(site: Any) -> None:
    ann = site.person()
    planted = site.browser(cookies={"opsspine": "planted"})
    planted.post(f"{SESSION}/link", json={"token": site.link(ann), "code": site.code(ann)})
    assert site.browser(cookies={"opsspine": "planted"}).get(SESSION).status_code == 401
    browser = site.signed_in(ann)
    before, csrf = browser.cookies["opsspine"], browser.csrf
    assert browser.post(f"{SESSION}/step-up", json={"code": site.code(ann)}).status_code == 200
    assert browser.cookies["opsspine"] != before
    assert browser.get(SESSION).json()["csrf"] == csrf, "pages that are open elsewhere go on working"
    assert site.browser(cookies={"opsspine": before}).get(SESSION).status_code == 401


def test_what_changes_something_needs_the_sessions_token(site: Any) -> None:
    ann = site.person()
    browser, other = site.signed_in(ann), site.signed_in(ann)
    url = f"{SESSION}/step-up/options"
    for token in ("", "guess", other.csrf):
        refused = browser.post(url, headers={"X-CSRF-Token": token})
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:opsspine:problem:csrf.token")
    assert browser.post(f"{HOME}/sign-out", data={"code": "x"}).status_code == 403, "also a form without it"
    for foreign in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://a.example"},
                    {"Origin": "null"}):  # fmt: skip
        refused = browser.post(url, headers=foreign)
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:opsspine:problem:csrf.origin")
    own = {"Sec-Fetch-Site": "same-origin", "Origin": site.url}
    assert browser.post(url, headers=own).status_code == 409, "through to the route: they have no passkey"


def test_signing_out_ends_the_session_on_the_server(site: Any) -> None:
    browser = site.signed_in(site.person())
    stolen = site.browser(cookies={"opsspine": browser.cookies["opsspine"]})
    assert stolen.get(SESSION).status_code == 200
    gone = browser.fill(f"{HOME}/me", f"{HOME}/sign-out")
    assert (gone.status_code, gone.headers["location"]) == (303, f"{HOME}/sign-in")
    assert "opsspine" not in browser.cookies
    assert stolen.get(SESSION).status_code == 401


def test_other_sessions_are_ended_by_their_owner(site: Any) -> None:
    ann = site.person()
    mine, other = site.signed_in(ann), site.signed_in(ann)
    bobs = site.signed_in(site.person("bob"))
    assert mine.fill(f"{HOME}/me", f"{HOME}/me/sessions").headers["location"] == f"{HOME}/me?done=ended"
    assert [one.get(SESSION).status_code for one in (mine, other, bobs)] == [200, 401, 200]


def test_a_session_acts_only_where_its_person_has_a_role(site: Any) -> None:
    ann = site.person(tenant="acme")
    with site.database.system() as connection:
        roles = [(TenantId("globex"), Role.VIEWER)]
        people.add(connection, ann.email, "Ann", roles, vault=Vault.of(site.settings), actor="t", now=site.clock.now())
        add_key(connection, TenantId("initech"), "shop", [], now=site.clock.now())
    browser = site.signed_in(ann)
    assert browser.get(SESSION).json()["tenants"] == ["acme", "globex"]
    moved = browser.post(f"{SESSION}/tenant", json={"tenant": "globex"})
    assert (moved.status_code, moved.json()["tenant"], moved.json()["person"]["roles"]) == (200, "globex", ["viewer"])
    assert "approvals:decide" not in browser.get(SESSION).json()["scopes"], "roles are those of the tenant"
    for nowhere in ("initech", "*", "", "no such"):
        assert browser.post(f"{SESSION}/tenant", json={"tenant": nowhere}).status_code == 404
    assert browser.get(SESSION, params={"tenant": "initech"}).json()["tenant"] == "globex"
    assert browser.fill(f"{HOME}/me", f"{HOME}/me/tenant", tenant="initech").status_code == 404
    assert browser.fill(f"{HOME}/me", f"{HOME}/me/tenant", tenant="acme").status_code == 303
    assert browser.get(SESSION).json()["tenant"] == "acme"


def test_an_old_second_factor_is_asked_for_again_as_rfc_9470_has_it(site: Any) -> None:
    ann = site.person()
    browser = site.signed_in(ann)
    assert browser.post(f"{SESSION}/recovery-codes").status_code == 200
    site.clock.advance(timedelta(minutes=5, seconds=1))
    asked = browser.post(f"{SESSION}/recovery-codes")
    assert (asked.status_code, asked.headers["content-type"]) == (401, "application/problem+json")
    assert asked.headers["cache-control"] == "no-store"
    challenge = asked.headers["www-authenticate"]
    assert challenge.startswith('Bearer error="insufficient_user_authentication", ')
    assert 'acr_values="urn:ops:acr:mfa"' in challenge
    assert 'max_age="300"' in challenge
    code = site.code(ann)
    assert browser.post(f"{SESSION}/step-up", json={"code": code}).json()["stepped_up_at"] is not None
    assert browser.post(f"{SESSION}/recovery-codes").status_code == 200
    replayed = browser.post(f"{SESSION}/step-up", json={"code": code})
    assert (replayed.status_code, replayed.json()["type"]) == (401, "urn:opsspine:problem:stepup.refused")


def test_a_step_up_by_plain_form_leads_back_to_where_it_was_asked_for(site: Any) -> None:
    ann = site.person()
    browser = site.signed_in(ann)
    site.clock.advance(timedelta(minutes=6))
    asked = browser.get(f"{HOME}/me/authenticator")
    assert asked.headers["location"] == f"{HOME}/step-up?next=%2Fadmin%2Fauth-ops%2Fme%2Fauthenticator"
    wrong = browser.fill(asked.headers["location"], f"{HOME}/step-up", code="000000")
    assert (wrong.status_code, "was not accepted" in wrong.text) == (401, True)
    done = browser.send_form(wrong.text, f"{HOME}/step-up", code=site.code(ann))
    assert (done.status_code, done.headers["location"]) == (303, f"{HOME}/me/authenticator")
    assert '<svg class="qr"' in browser.get(f"{HOME}/me/authenticator").text


def test_wrong_codes_are_limited_for_all_processes_together(site: Any) -> None:
    ann = site.person()
    browser = site.signed_in(ann)
    wrong = [browser.post(f"{SESSION}/step-up", json={"code": "000000"}) for _ in range(6)]
    assert [one.status_code for one in wrong] == [401] * 5 + [429]
    assert wrong[-1].json()["type"] == "urn:opsspine:problem:stepup.locked"
    assert int(wrong[-1].headers["retry-after"]) > 0
    assert browser.post(f"{SESSION}/step-up", json={"code": site.code(ann)}).status_code == 429, "not even looked at"
    site.clock.advance(timedelta(minutes=11))
    assert browser.post(f"{SESSION}/step-up", json={"code": site.code(ann)}).status_code == 200


def test_a_recovery_code_stands_in_for_the_authenticator_once(site: Any) -> None:
    ann = site.person()
    browser = site.signed_in(ann)
    codes = browser.post(f"{SESSION}/recovery-codes").json()["recovery_codes"]
    site.clock.advance(timedelta(minutes=6))
    assert browser.post(f"{SESSION}/step-up", json={"recovery_code": codes[4]}).status_code == 200
    assert browser.post(f"{SESSION}/step-up", json={"recovery_code": codes[4]}).status_code == 401
    assert browser.get(SESSION).json()["recovery_codes_left"] == 9
    with site.database.system() as connection:
        assert recovery.left(connection, ann.id) == 9


def test_another_authenticator_counts_from_its_first_code(site: Any) -> None:
    from spine import totp

    ann = site.person()
    browser = site.signed_in(ann)
    begun = browser.post(f"{SESSION}/totp").json()
    assert begun["uri"].startswith("otpauth://totp/")
    assert begun["secret"] in begun["uri"]
    assert browser.put(f"{SESSION}/totp", json={"code": "000000"}).status_code == 401
    old = site.code(ann)
    assert browser.post(f"{SESSION}/step-up", json={"code": old}).status_code == 200, "the old one still works"
    begun = browser.post(f"{SESSION}/totp").json()
    kept = browser.put(f"{SESSION}/totp", json={"code": totp.code_at(begun["secret"], site.clock.now())})
    assert len(kept.json()["recovery_codes"]) == 10
    assert browser.put(f"{SESSION}/totp", json={"code": "123456"}).status_code == 409, "it was finished"
    assert browser.post(f"{SESSION}/step-up", json={"code": site.code(ann)}).status_code == 401, "the old one ended"
    site.secrets[ann.email] = begun["secret"]
    assert browser.post(f"{SESSION}/step-up", json={"code": site.code(ann)}).status_code == 200


def test_a_key_has_no_session_needs_no_csrf_and_never_a_second_factor(site: Any) -> None:
    with site.database.system() as connection:
        _, secret = add_key(
            connection, TenantId("acme"), "shop", ["ops:read", "approvals:decide"], now=site.clock.now()
        )
    program = site.browser(headers={"Authorization": f"Bearer {secret}"})
    assert program.get(SESSION).status_code == 403
    assert program.get("/api/ops/incidents").status_code == 200, "ops:read reads everything"
    person = site.signed_in(site.person("bob", role=Role.VIEWER))
    both = site.browser(headers={"X-API-Key": secret}, cookies={"opsspine": person.cookies["opsspine"]})
    assert both.get(SESSION).status_code == 403, "the header counts before the cookie"


def test_a_caller_who_asks_too_often_is_told_when_to_come_back(site: Any) -> None:
    site.settings.signin.rate.caller_burst, site.settings.signin.rate.caller_per_second = 3, 0.5
    with site.database.system() as connection:
        _, secret = add_key(connection, TenantId("acme"), "shop", ["flags:read"], now=site.clock.now())
    program = site.browser(headers={"X-API-Key": secret})
    answers = [program.get("/api/ops/flags") for _ in range(5)]
    assert [one.status_code for one in answers][3:] == [429, 429]
    assert answers[3].headers["retry-after"] == "2"
    assert answers[3].json()["type"] == "urn:opsspine:problem:rate.limited"
    site.clock.advance(timedelta(seconds=2))
    assert program.get("/api/ops/flags").status_code != 429
    flags = [program.post("/ofrep/v1/evaluate/flags", json={"context": {}}).status_code for _ in range(8)]
    assert set(flags) == {200}, "flags are never counted: a throttled application falls back to its own defaults"


@pytest.mark.parametrize("public", ["https://ops.example.org", "http://ops.example.org"])
def test_the_cookie_is_bound_to_its_host_and_to_tls(site: Any, public: str) -> None:
    site.settings.gateway.public_url = public
    ann = site.person()
    answer = site.browser().post(f"{SESSION}/link", json={"token": site.link(ann), "code": site.code(ann)})
    cookies = [one for one in answer.headers.get_list("set-cookie") if one.startswith("__Host-opsspine=")]
    assert len(cookies) == 1
    assert "Secure" in cookies[0]
    assert "Path=/" in cookies[0]
    assert "Domain" not in cookies[0]
