"""What an application tells becomes an incident, with its record; what is decided is read, not made, here."""

from datetime import timedelta
from typing import Any

URL = "/api/ops/auth"


def _event(edge: Any, **changes: Any) -> dict[str, Any]:
    snapshot = {"failures_15m": 900, "successes_15m": 30, "users_15m": 250, "usual_failures_per_hour": 40}
    told = {"event_id": "e1", "occurred_at": edge.clock.now().isoformat(), "metrics_snapshot": snapshot}
    return {**told, **changes}


def test_numbers_over_the_line_open_an_incident_and_start_its_runbook(edge: Any) -> None:
    answer = edge.key().post(URL, json=_event(edge))
    assert answer.status_code == 202, answer.text
    (found,) = answer.json()["incidents"]
    assert (found["incident"]["kind"], found["incident"]["status"]) == ("FAILED_LOGINS_SPIKE", "open")
    assert found["decision"] is None
    (run,) = edge.started
    assert run[0] == "failed_logins_spike/respond"
    assert run[1]["incident_id"] == found["incident"]["id"]
    assert run[1]["request_id"] == answer.headers["x-request-id"]
    assert [row.n for row in edge.rows("select count(*) as n from outbox where topic = 'incident.opened'")] == [1]


def test_the_id_of_the_request_is_in_the_trail_and_in_the_message(edge: Any) -> None:
    answer = edge.key().post(URL, json=_event(edge), headers={"X-Request-ID": "my-own-id"})
    trail = edge.key().get("/api/ops/audit", params={"request_id": "my-own-id"}).json()["items"]
    assert answer.headers["x-request-id"] == "my-own-id"
    assert "incident.opened" in [one["event"]["data"]["action"] for one in trail]
    assert [row.request for row in edge.rows("select payload ->> 'request' as request from outbox")] == ["my-own-id"]


def test_told_again_it_is_the_same_event(edge: Any) -> None:
    key = edge.key()
    first, second = key.post(URL, json=_event(edge)), key.post(URL, json=_event(edge))
    assert first.json()["incidents"][0]["incident"]["id"] == second.json()["incidents"][0]["incident"]["id"]
    assert len(edge.started) == 1
    assert edge.rows("select count(*) as n from evidence")[0].n == 1


def test_the_same_id_for_something_else_is_refused(edge: Any) -> None:
    key = edge.key()
    key.post(URL, json=_event(edge))
    other = key.post(URL, json=_event(edge, severity_guess=3))
    assert other.status_code == 422
    assert other.json()["errors"][0]["pointer"] == "#/event_id"


def test_ordinary_numbers_are_no_incident(edge: Any) -> None:
    quiet = _event(edge, metrics_snapshot={"failures_15m": 4, "successes_15m": 400, "users_15m": 4})
    answer = edge.key().post(URL, json=quiet)
    assert (answer.status_code, answer.json()["decision"], answer.json()["incidents"]) == (200, "NO_ACTION", [])
    assert edge.started == []


def test_a_guess_raises_the_severity_and_never_lowers_it(edge: Any) -> None:
    raised = edge.key().post(URL, json=_event(edge, severity_guess=3)).json()["incidents"][0]["incident"]
    assert raised["severity"] == "critical"


def test_its_events_are_events_like_any_other(edge: Any) -> None:
    now = edge.clock.now()
    rows = [
        {"id": f"x{n}", "type": "login_failed", "occurred_at": (now - timedelta(seconds=n)).isoformat(),
         "user_id": f"u{n % 60}", "ip": f"203.0.113.{n % 9 + 1}"}
        for n in range(300)
    ]  # fmt: skip
    answer = edge.key().post(URL, json=_event(edge, metrics_snapshot={"events": rows}))
    assert answer.json()["incidents"], answer.text
    assert edge.rows("select count(*) as n from auth_ops_logs where tenant_id = 'acme'")[0].n == 300
    again = edge.key().post("/api/ops/events", json=rows[:5])
    assert again.json()["duplicate"] == 5


def test_a_bad_event_of_the_snapshot_is_pointed_at_and_nothing_is_taken_in(edge: Any) -> None:
    bad = _event(edge, metrics_snapshot={"events": [{"type": "login_failed", "ip": "nowhere"}]})
    answer = edge.key().post(URL, json=bad)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "#/metrics_snapshot/events"
    assert edge.rows("select count(*) as n from auth_ops_logs")[0].n == 0
    mended = edge.key().post(URL, json=_event(edge))
    assert mended.status_code == 202, "the refused event does not keep its id"


def test_the_tenant_is_never_taken_from_the_body_and_old_news_is_none(edge: Any) -> None:
    key = edge.key()
    assert key.post(URL, json=_event(edge, tenant="globex")).status_code == 422
    old = key.post(URL, json=_event(edge, occurred_at=(edge.clock.now() - timedelta(hours=2)).isoformat()))
    assert old.json()["errors"][0]["pointer"] == "#/occurred_at"


def test_the_frozen_plan_is_what_is_answered(edge: Any, plan_of: Any) -> None:
    key = edge.key()
    incident = key.post(URL, json=_event(edge)).json()["incidents"][0]["incident"]["id"]
    decision = plan_of(edge, incident)
    answer = key.post(URL, json=_event(edge))
    assert answer.status_code == 200
    assert answer.json()["decision"] == decision.decision.value
    assert answer.json()["incidents"][0]["plan"]["plan_hash"] == decision.plan_hash
