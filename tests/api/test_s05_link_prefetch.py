"""05: whatever fetches a link (mail programs, chats, scanners, browsers ahead of time) decides nothing."""

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from spine.person import PersonRef, Role
from store import account_link, signin_link

HOME = "/admin/auth-ops"
_TABLES = ("approvals", "approval_votes", "commands", "leases", "flag_changes", "flags", "suppressions", "people")


def _state(edge: Any) -> dict[str, list[str]]:
    with edge.database.owner() as connection:
        return {
            table: sorted(connection.execute(text(f"select t::text from {table} t")).scalars()) for table in _TABLES
        }


def _answers(path: str) -> list[str]:
    """The link as it stands, and as somebody made it to carry a form's answer."""
    said = "vote=approve&decision=approve&reason=x&code=123456&totp=123456&_method=POST"
    return [path, f"{path}?{said}", f"{path}/approve?{said}", f"{path}/decide?{said}", f"{path}/deny?{said}"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_s05_a_prefetched_link_decides_nothing(edge: Any, victim: Any, method: str) -> None:
    _, approver, _ = edge.person("bob", Role.INCIDENT_COMMANDER, tenant=victim.tenant)
    approval = victim.ids["approval_id"]
    before = _state(edge)
    asked = {HOME + f"/approvals/{approval}", f"/api/ops/approvals/{approval}"}
    asked |= {f"{HOME}/incidents/{victim.ids['incident_id']}", f"/api/ops/approvals/{approval}/approve"}
    for path in sorted(link for one in asked for link in _answers(one)):
        browser = edge.browser(approver, victim.tenant)  # signed in, with a second factor shown just now
        for headers in ({}, {"Sec-Purpose": "prefetch"}, {"X-HTTP-Method-Override": "POST"}):
            assert browser.request(method, path, headers=headers).status_code in (200, 303, 404, 405, 422), path
    assert _state(edge) == before
    assert edge.woken == []


def test_s05_every_route_that_is_only_looked_at_leaves_all_as_it_is(edge: Any, victim: Any, routes: Any) -> None:
    _, owner, _ = edge.person("bob", Role.SECURITY_ADMIN, Role.INCIDENT_COMMANDER, tenant=victim.tenant)
    before, browser = _state(edge), edge.browser(owner, victim.tenant)
    for route in routes:
        if route.method != "GET":
            continue
        path = re.sub(r"\{(\w+)(:\w+)?\}", lambda found: victim.ids[found[1]], route.path)
        with browser.stream("GET", path, timeout=60) as answer:
            assert answer.status_code < 500 or route.path in ("/api/health", "/readyz"), path
    assert _state(edge) == before


def test_s05_a_link_that_was_fetched_ahead_still_is_good(edge: Any) -> None:
    _, ann, code = edge.person("ann")
    slack, now = PersonRef.by_slack("T1", "U1"), edge.clock.now()
    with edge.database.system() as connection:
        inside = signin_link.issue(
            connection, ann, settings=edge.settings, lasts=timedelta(hours=1), actor="test", now=now, enrols=False
        ).token
        linking = account_link.issue(connection, slack, now, settings=edge.settings)
    for _ in range(3):
        assert edge.client().get(f"{HOME}/sign-in/link", params={"token": inside}).status_code == 200
        assert edge.browser(ann).get(account_link.PATH, params={"token": linking}).status_code == 200
    assert edge.rows("select used_at from signed_links where used_at is not null") == []
    assert edge.rows("select account_id from person_accounts") == []
    entered = edge.client().post("/api/ops/session/link", json={"token": inside, "code": code()})
    assert entered.status_code == 200, entered.text
