"""Whoever may act takes back what is in force without a fresh second factor; it bears their name, and the way back is
open to whoever shows one."""

from typing import Any

import pytest

from spine.person import Role

BLOCK = {"reason": "by hand", "actions": [{"action": "ip.block", "targets": ["203.0.113.7/32"], "ttl_seconds": 900}]}
BODY = {"reason": "it hits the wrong people"}


@pytest.fixture
def lease(edge: Any, incident: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A mitigation in force, which a commander asked for."""
    browser, _, _ = edge.person("cho")
    with monkeypatch.context() as soon:
        soon.setattr(edge.settings.gateway, "answer_seconds", 0)  # what comes of it is made below
        assert browser.post("/api/ops/auth/actions", json=BLOCK).status_code == 202
    edge.carry_out(incident)
    held = browser.get("/api/ops/mitigations", params={"live": True}).json()["items"]
    return str(next(one["id"] for one in held if one["action"] == "ip.block"))


def _told(edge: Any, kind: str) -> list[tuple[str, str]]:
    rows = edge.rows(
        "select entry::jsonb #>> '{data,actor}' as actor, entry::jsonb #>> '{data,detail,reason}' as reason"
        " from audit_entries where tenant_id = 'acme' and entry::jsonb #>> '{data,detail,kind}' = :kind",
        kind=kind,
    )
    return [(row.actor, row.reason) for row in rows]


def test_taking_back_needs_no_fresh_factor_and_bears_a_name(edge: Any, lease: str) -> None:
    stale, _, _ = edge.person("ann", Role.RESPONDER, stepped_up=False)
    done = stale.post(f"/api/ops/mitigations/{lease}/revert", json=BODY)
    assert (done.status_code, done.json()["state"]) == (200, "done"), done.text
    assert _told(edge, "revert") == [("person:ann@example.org", BODY["reason"])]
    assert stale.post("/api/ops/auth/actions", json=BLOCK).status_code == 401, "to protect again takes one"


def test_ending_an_incident_needs_no_fresh_factor_and_bears_a_name(edge: Any, incident: str, lease: str) -> None:
    stale, _, _ = edge.person("ann", Role.RESPONDER, stepped_up=False)
    done = stale.post(f"/api/ops/incidents/{incident}/resolve", json=BODY)
    assert (done.status_code, done.json()["state"]) == (200, "done"), done.text
    assert stale.get(f"/api/ops/mitigations/{lease}").json()["state"] == "reverted"
    assert _told(edge, "resolve") == [("person:ann@example.org", BODY["reason"])]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.SUPPORT])
def test_who_may_not_act_may_not_take_back(edge: Any, incident: str, lease: str, role: Role) -> None:
    browser, _, _ = edge.person("sam", role)
    assert browser.post(f"/api/ops/mitigations/{lease}/revert", json=BODY).status_code == 403
    assert browser.post(f"/api/ops/incidents/{incident}/resolve", json=BODY).status_code == 403
    assert browser.get(f"/api/ops/mitigations/{lease}").json()["state"] == "active"
