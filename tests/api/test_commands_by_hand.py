"""Actions by hand go the way of every other: bounds, policy, a frozen plan, approvals, the ledger. And back."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from runbooks import catalogue
from spine.ids import CommandId, mint
from spine.incident import IncidentStatus
from spine.person import Role
from store import decisions, incidents
from tasks import commanding

URL = "/api/ops/auth/actions"
SNAPSHOT = {"action": "evidence.snapshot"}
BLOCK = {"action": "ip.block", "targets": ["203.0.113.7/32"], "ttl_seconds": 900}


def _ask(who: httpx.Client, *actions: dict[str, Any], **more: Any) -> httpx.Response:
    return who.post(URL, json={"reason": "by hand", "actions": list(actions), **more})


def test_a_program_s_low_risk_is_planned_and_runs(edge: Any, incident: str) -> None:
    key = edge.key()
    answer = _ask(key, SNAPSHOT)
    assert answer.status_code == 202, answer.text
    (became,) = answer.json()["actions"]
    assert (became["status"], became["gate"]) == ("waiting", "allow"), became
    edge.carry_out(incident)
    (done,) = key.get(answer.headers["location"]).json()["actions"]
    assert done["status"] == "applied", done
    assert done["mitigation_id"]
    assert done["audit_ids"]


def test_a_program_s_high_risk_waits_for_a_person(edge: Any, incident: str) -> None:
    answer = _ask(edge.key(), BLOCK)
    assert answer.status_code == 200, answer.text
    (became,) = answer.json()["actions"]
    assert became["status"] == "approval_pending", became
    assert became["approval_id"]
    asked = edge.key().get(f"/api/ops/approvals/{became['approval_id']}").json()
    assert asked["approval"]["requester"] == "key:shop"
    assert [step["action_key"] for step in asked["steps"]] == ["ip.block"]
    assert edge.rows("select count(*) as n from outbox where topic = 'approval.requested'")[0].n == 1


def test_a_person_without_a_fresh_second_factor_is_challenged(edge: Any, incident: str) -> None:
    someone, _, _ = edge.person(stepped_up=False)
    answer = _ask(someone, BLOCK)
    assert answer.status_code == 401
    assert 'error="insufficient_user_authentication"' in answer.headers["www-authenticate"]
    assert answer.headers["content-type"] == "application/problem+json"
    assert edge.rows("select count(*) as n from commands")[0].n == 0


def test_what_a_commander_may_do_with_a_second_factor_is_let_through_at_once(edge: Any, incident: str) -> None:
    someone, _, _ = edge.person()
    answer = _ask(someone, BLOCK)
    (became,) = answer.json()["actions"]
    assert became["gate"] == "step-up", became
    approval = someone.get(f"/api/ops/approvals/{became['approval_id']}").json()
    assert approval["approval"]["status"] == "approved"
    assert approval["votes"][0]["person"] == "ann@example.org"
    assert [str(one) for one in edge.woken] == [became["approval_id"]]
    edge.carry_out(incident)
    assert someone.get(answer.headers["location"]).json()["actions"][0]["status"] == "applied"


def test_a_responder_cannot_approve_what_they_asked_for(edge: Any, incident: str) -> None:
    someone, _, code = edge.person("bob", Role.RESPONDER)
    (became,) = _ask(someone, BLOCK).json()["actions"]
    assert (became["status"], became["gate"]) == ("approval_pending", "approve")
    mine = someone.post(f"/api/ops/approvals/{became['approval_id']}/approve", json={"reason": "me", "totp": code()})
    assert mine.status_code == 403
    other, _, _ = edge.person("cid")
    yes = other.post(f"/api/ops/approvals/{became['approval_id']}/approve", json={"reason": "seen"})
    assert yes.status_code == 200, yes.text
    late = edge.person("dan")[0].post(f"/api/ops/approvals/{became['approval_id']}/approve", json={"reason": "too"})
    assert late.status_code == 409
    assert "cid" in late.json()["detail"], "the winner is named"


def test_out_of_bounds_is_pointed_at_and_nothing_is_written(edge: Any, incident: str) -> None:
    wide = {"action": "ip.block", "targets": ["10.0.0.0/8"]}
    answer = _ask(edge.key(), {"action": "make.coffee"}, wide, {**BLOCK, "ttl_seconds": 1})
    pointers = [one["pointer"] for one in answer.json()["errors"]]
    assert (answer.status_code, pointers) == (422, ["#/actions/0/action", "#/actions/1", "#/actions/2"])
    assert edge.rows("select count(*) as n from commands")[0].n == 0


def test_a_guard_s_no_blocks_and_leaves_the_plan_in_force(
    edge: Any, incident: str, plan_of: Callable[..., Any]
) -> None:
    before = plan_of(edge, incident)
    own = {"action": "ip.block", "targets": ["127.0.0.1/32"], "ttl_seconds": 900}
    answer = _ask(edge.key(), own)
    (became,) = answer.json()["actions"]
    assert became["status"] == "blocked", became
    assert became["because"]
    with edge.database.system() as connection:
        now = decisions.current(connection, UUID(incident))
    assert now == before


def test_sent_again_with_its_key_it_is_one_command(edge: Any, incident: str) -> None:
    key = edge.key()
    body = {"reason": "by hand", "actions": [SNAPSHOT]}
    first = key.post(URL, json=body, headers={"Idempotency-Key": "k1"})
    again = key.post(URL, json=body, headers={"Idempotency-Key": "k1"})
    assert first.json()["id"] == again.json()["id"]
    assert edge.rows("select count(*) as n from commands")[0].n == 1
    other = key.post(URL, json={**body, "reason": "else"}, headers={"Idempotency-Key": "k1"})
    assert other.status_code == 422


def test_a_handed_over_incident_is_taken_up_by_hand(edge: Any, incident: str) -> None:
    with edge.database.system() as connection:
        incidents.transition(
            connection, UUID(incident), IncidentStatus.ESCALATED, at=edge.clock.now(), actor="engine", summary="unsure"
        )
    _ask(edge.key(), SNAPSHOT)
    assert edge.key().get(f"/api/ops/incidents/{incident}").json()["incident"]["status"] == "open"


def test_an_earlier_question_is_void_once_somebody_plans_by_hand(edge: Any, incident: str) -> None:
    key = edge.key()
    (first,) = _ask(key, BLOCK).json()["actions"]
    _ask(key, {**BLOCK, "targets": ["203.0.113.8/32"]})
    assert key.get(f"/api/ops/approvals/{first['approval_id']}").json()["approval"]["status"] == "void"


def test_no_incident_and_several_incidents_are_told(edge: Any) -> None:
    key = edge.key()
    assert _ask(key, SNAPSHOT).status_code == 409
    for kind in ("FAILED_LOGINS_SPIKE", "OAUTH_CALLBACK_ERRORS"):
        told = {"event_id": kind, "incident_type": kind, "occurred_at": edge.clock.now().isoformat(),
                "metrics_snapshot": {"failures_15m": 900, "successes_15m": 30, "users_15m": 250}}  # fmt: skip
        key.post("/api/ops/auth", json=told)
    several = _ask(key, SNAPSHOT)
    assert several.status_code == 409
    ids = {row.id for row in edge.rows("select id from incidents")}
    assert all(str(one) in several.json()["detail"] for one in ids)


def test_a_mitigation_is_taken_back_and_a_second_time_is_told_when(edge: Any, incident: str) -> None:
    someone, _, _ = edge.person()
    answer = _ask(someone, BLOCK)
    edge.carry_out(incident)
    held = someone.get("/api/ops/mitigations", params={"live": True}).json()["items"]
    (lease,) = [one["id"] for one in held if one["action"] == "ip.block"]
    version = someone.get(f"/api/ops/mitigations/{lease}").headers["etag"]
    body = {"reason": "over"}
    done = someone.post(f"/api/ops/mitigations/{lease}/revert", json=body, headers={"If-Match": version})
    assert (done.status_code, done.json()["state"]) == (200, "done"), done.text
    assert someone.get(f"/api/ops/mitigations/{lease}").json()["state"] == "reverted"
    again = someone.post(f"/api/ops/mitigations/{lease}/revert", json=body)
    assert again.status_code == 409
    stale = someone.post(f"/api/ops/mitigations/{lease}/revert", json=body, headers={"If-Match": version})
    assert stale.status_code == 412
    assert answer.json()["id"] != done.json()["id"]


def test_an_incident_is_resolved_by_a_person(edge: Any, incident: str) -> None:
    someone, _, _ = edge.person()
    done = someone.post(f"/api/ops/incidents/{incident}/resolve", json={"reason": "the attack is over"})
    assert (done.status_code, done.json()["state"]) == (200, "done"), done.text
    assert someone.get(f"/api/ops/incidents/{incident}").json()["incident"]["status"] == "resolved"
    assert someone.post(f"/api/ops/incidents/{incident}/resolve", json={"reason": "again"}).status_code == 409
    assert _ask(someone, SNAPSHOT, incident_id=incident).status_code == 409


def test_a_command_whose_run_is_lost_stays_and_is_left_to_reconcile(edge: Any, incident: str) -> None:
    edge.obeys = False
    answer = _ask(edge.key(), SNAPSHOT)
    assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
    (left,) = edge.rows("select id, request from commands where state = 'waiting'")
    assert left.request == answer.headers["x-request-id"]


def test_a_command_that_comes_to_no_end_is_refused_at_last(edge: Any, incident: str) -> None:
    edge.obeys = False
    made = UUID(_ask(edge.key(), SNAPSHOT).json()["id"])
    with edge.database.system() as connection:
        connection.execute(text("update commands set attempts = :n"), {"n": commanding.MOST_ATTEMPTS})
    commanding.obey(edge.database, edge.settings, CommandId(made), books=catalogue(), run=mint(), now=edge.clock.now())
    shown = edge.key().get(f"{URL}/{made}").json()
    assert (shown["state"], shown["actions"][0]["status"]) == ("refused", "blocked")


def test_two_runs_of_one_command_make_one_plan(edge: Any, incident: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first stands still with its plan in hand, is given up for dead, and another one obeys."""
    edge.obeys = False
    command = CommandId(UUID(_ask(edge.key(), BLOCK).json()["id"]))
    real, others = commanding.decide, list[commanding.Obeyed | None]()

    def obey() -> commanding.Obeyed | None:
        return commanding.obey(
            edge.database, edge.settings, command, books=catalogue(), run=mint(), now=edge.clock.now()
        )

    def stalled(*args: Any, **named: Any) -> Any:
        decision = real(*args, **named)
        if not others:
            others.append(None)
            others.append(obey())
        return decision

    monkeypatch.setattr(commanding, "decide", stalled)
    assert obey() is None
    assert others[-1] is not None
    assert len(edge.rows("select id from decisions")) == 1
    assert [row.status for row in edge.rows("select status from approvals where requester = 'key:shop'")] == ["pending"]


def test_nobody_can_claim_to_be_somebody_else(edge: Any, incident: str) -> None:
    answer = _ask(edge.key(), SNAPSHOT, actor="person:ann@example.org")
    assert answer.status_code == 422
