"""Open pages follow what happens, by themselves and for their own tenant alone."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from spine.ids import TenantId
from spine.person import Role

pytestmark = pytest.mark.timeout(600)


def test_what_happens_appears_without_a_reload(night: Any, visit: Callable[..., Any]) -> None:
    night.plan()
    page = visit(f"/incidents/{night.incident.id}", who=night.ann)
    page.wait_for_selector("#live[data-state=on]")
    page.evaluate("window.kept = 1")
    night.note("The partner says it is not theirs")
    page.wait_for_selector("#timeline >> text=The partner says it is not theirs")
    night.vote(night.asked(night.current()), night.cho)
    page.wait_for_selector("text=Cho Vu via slack >> nth=0", state="attached")
    assert page.evaluate("window.kept") == 1
    assert page.problems == []


def test_what_somebody_types_is_not_taken_away(night: Any, visit: Callable[..., Any]) -> None:
    asked = night.asked(night.plan())
    page = visit(f"/incidents/{night.incident.id}", who=night.ann)
    page.wait_for_selector("#live[data-state=on]")
    page.fill("[name=reason] >> nth=0", "half a sent")
    night.vote(asked, night.cho)
    page.wait_for_selector("#questions [data-stale-note]:not([hidden])")
    assert page.input_value("[name=reason] >> nth=0") == "half a sent"
    assert "kept" in page.inner_text("#news")


def test_the_stream_tells_names_and_its_own_tenants_alone(night: Any, site: str) -> None:
    eve = night.person("Eve Ng", Role.INCIDENT_COMMANDER, tenant="other")
    heard = {}
    for who in (night.ann, eve):
        token = night.token(who)
        with httpx.stream(
            "GET", f"{site}/admin/auth-ops/stream", cookies={night.cookie_name: token}, timeout=120, trust_env=False
        ) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            lines = stream.iter_lines()
            while "everything" not in next(lines):
                pass
            night.listened()
            night.note("something")
            night.suppress(night.tenant)
            night.suppress(TenantId("other"))
            found: list[str] = []
            while not any("suppression" in line for line in found):
                found.append(next(lines))
            heard[who.account] = " ".join(found)
    assert f"incident-{night.incident.id}" in heard[night.ann.account]
    assert "incident" not in heard[eve.account]
    assert "something" not in heard[night.ann.account]


def test_without_a_session_there_is_no_stream(night: Any, site: str) -> None:
    assert httpx.get(f"{site}/admin/auth-ops/stream", trust_env=False).status_code == 401


def test_there_are_only_so_many_streams(night: Any, serve: Callable[[Any], str]) -> None:
    night.settings.console.max_streams = 1
    site = serve(night.app())
    token = night.token(night.ann)
    where = {"cookies": {night.cookie_name: token}, "timeout": 120, "trust_env": False}
    with httpx.stream("GET", f"{site}/admin/auth-ops/stream", **where) as stream:
        lines = stream.iter_lines()  # kept: its end would be the stream's
        next(lines)
        answer = httpx.get(f"{site}/admin/auth-ops/stream", **where)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
