"""A link from Slack makes an account one's own: signed in, with a fresh second factor, once."""

from datetime import timedelta
from typing import Any

from spine.person import PersonRef
from store import account_link, people

HOME = "/admin/auth-ops"
SLACK = PersonRef.by_slack("T0123", "U0456")


def link(site: Any, account: PersonRef = SLACK) -> str:
    with site.database.system() as connection:
        token = account_link.issue(connection, account, site.clock.now(), settings=site.settings)
    return account_link.url(token, site.settings).removeprefix(site.url)


def owner(site: Any, account: PersonRef = SLACK) -> str | None:
    with site.database.system() as connection:
        found = people.find(connection, account)
    return found.email if found else None


def test_who_is_signed_in_confirms_and_the_link_is_used_up(site: Any) -> None:
    ann, bob = site.person(), site.person("bob")
    browser, url = site.signed_in(ann), link(site)
    page = browser.get(url)
    assert "slack:T0123/U0456" in page.text
    assert owner(site) is None, "looking changes nothing"
    done = browser.send_form(page.text, f"{HOME}/link-account")
    assert (done.status_code, done.headers["location"]) == (303, f"{HOME}/me?done=linked")
    assert owner(site) == "ann@example.org"
    assert "slack:T0123/U0456" in browser.get(f"{HOME}/me").text
    other = site.signed_in(bob)
    gone = other.get(url)
    assert (gone.status_code, "not good, or not any more" in gone.text) == (409, True)
    assert other.send_form(page.text, f"{HOME}/link-account").status_code == 403, "another session's form"
    assert owner(site) == "ann@example.org"


def test_who_is_not_signed_in_comes_back_to_the_link(site: Any) -> None:
    url = link(site)
    sent = site.browser().get(url)
    assert sent.status_code == 303
    assert sent.headers["location"].startswith(f"{HOME}/sign-in?next=%2Fadmin%2Fauth-ops%2Flink-account%3Ftoken%3D")


def test_an_old_second_factor_is_asked_for_first(site: Any) -> None:
    ann = site.person()
    browser, url = site.signed_in(ann), link(site)
    site.clock.advance(timedelta(minutes=6))
    sent = browser.fill(url, f"{HOME}/link-account")
    assert sent.headers["location"].startswith(f"{HOME}/step-up?next=")
    assert owner(site) is None
    back = browser.fill(sent.headers["location"], f"{HOME}/step-up", code=site.code(ann))
    assert back.headers["location"] == url
    assert browser.fill(url, f"{HOME}/link-account").headers["location"] == f"{HOME}/me?done=linked"


def test_links_that_are_old_forged_or_for_signing_in_link_nothing(site: Any) -> None:
    ann = site.person()
    browser, url = site.signed_in(ann), link(site)
    page = browser.get(url).text
    for token in (url.split("token=")[1][:-4] + "AAAA", site.link(ann), "", "x"):
        assert browser.post(f"{HOME}/link-account", data={"csrf": browser.csrf, "link": token}).status_code == 409
    site.clock.advance(timedelta(minutes=16))
    browser.post("/api/ops/session/step-up", json={"code": site.code(ann)})
    assert browser.send_form(page, f"{HOME}/link-account").status_code == 409
    assert owner(site) is None


def test_an_account_is_never_taken_from_who_has_it(site: Any) -> None:
    ann, bob = site.person(), site.person("bob")
    first, second = link(site), link(site)
    assert site.signed_in(ann).fill(first, f"{HOME}/link-account").status_code == 303
    taken = site.signed_in(bob).fill(second, f"{HOME}/link-account")
    assert (taken.status_code, "belongs to" in taken.text) == (409, True)
    assert owner(site) == "ann@example.org"
