"""Lists, single things, versions, cursors, and what people do to an incident."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from gateway.paging import encode
from spine.person import Role
from spine.suppression import Reason
from store import suppressions


def _walk(client: httpx.Client, path: str, **filters: Any) -> Iterator[list[Any]]:
    """Every page of a list."""
    cursor: dict[str, str] = {}
    while True:
        page = client.get(path, params={**filters, **cursor})
        assert page.status_code == 200, page.text
        yield page.json()["items"]
        if page.json()["next"] is None:
            return
        cursor = {"cursor": page.json()["next"]}


def _announce(edge: Any, many: int, *, later: timedelta = timedelta(0)) -> None:
    """Windows of which several begin at the very same moment."""
    now = edge.clock.now() + later
    with edge.database.tenant("acme") as connection:
        for n in range(many):
            suppressions.add(
                connection, "acme", reason=Reason.DEPLOY, kind=None, owner="key:x", note=f"n{n}",
                starts_at=now + timedelta(minutes=n // 3), length=timedelta(hours=1), now=now,
            )  # fmt: skip


def test_pages_show_every_row_once_whatever_comes_in_meanwhile(edge: Any) -> None:
    _announce(edge, 10)
    client, seen = edge.key(), []
    for number, page in enumerate(_walk(client, "/api/ops/suppressions", limit=3)):
        seen += [one["note"] for one in page]
        if number == 0:
            _announce(edge, 1, later=timedelta(days=1))
    assert sorted(set(seen)) == sorted(f"n{n}" for n in range(10))
    assert len(seen) == 10


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "bm8", "👍", encode("people", (), ["2026-01-01T00:00:00+00:00", "x"]), "W10",
     encode("suppressions", (None, None), ["yesterday", "x"]), encode("suppressions", (True, None), [1, 2])],
)  # fmt: skip
def test_a_cursor_that_does_not_fit_is_pointed_at(edge: Any, cursor: str) -> None:
    answer = edge.key().get("/api/ops/suppressions", params={"cursor": cursor})
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == "#/cursor"


def test_incidents_are_filtered(edge: Any, incident: str) -> None:
    client = edge.key()
    for filters, found in (
        ({"live": True}, 1), ({"live": False}, 0), ({"status": ["open", "resolved"]}, 1), ({"status": "resolved"}, 0),
        ({"kind": "FAILED_LOGINS_SPIKE"}, 1), ({"kind": "OAUTH_CALLBACK_ERRORS"}, 0), ({"severity": 3}, 0),
        ({"since": (edge.clock.now() + timedelta(hours=1)).isoformat()}, 0),
    ):  # fmt: skip
        assert len(client.get("/api/ops/incidents", params=filters).json()["items"]) == found, filters


def test_what_has_not_changed_is_not_sent_again(edge: Any, incident: str) -> None:
    client, path = edge.key(), f"/api/ops/incidents/{incident}"
    first = client.get(path)
    assert client.get(path, headers={"If-None-Match": first.headers["etag"]}).status_code == 304
    client.post(f"{path}/acknowledge")
    changed = client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200
    assert changed.json()["incident"]["acknowledged_at"]


def test_whoever_acknowledges_first_stays_and_is_named(edge: Any, incident: str) -> None:
    ann, _, _ = edge.person("ann")
    bob, _, _ = edge.person("bob")
    path = f"/api/ops/incidents/{incident}/acknowledge"
    assert ann.post(path).status_code == 200
    assert ann.post(path).status_code == 200, "the same person may say so again"
    late = bob.post(path)
    assert late.status_code == 409
    assert "person:ann@example.org" in late.json()["detail"]


def test_a_note_goes_into_the_story_without_its_secrets(edge: Any, incident: str) -> None:
    client = edge.key()
    said = "seen; token ghp_" + "a1B2" * 9
    assert client.post(f"/api/ops/incidents/{incident}/notes", json={"text": said}).status_code == 201
    lines = [
        line["summary"] for page in _walk(client, f"/api/ops/incidents/{incident}/timeline", limit=1) for line in page
    ]
    (note,) = [line for line in lines if line.startswith("seen")]
    assert "ghp_" not in note
    assert len(lines) >= 2


def test_the_evidence_has_its_receipts(edge: Any, incident: str) -> None:
    (receipt,) = edge.key().get(f"/api/ops/incidents/{incident}/evidence").json()
    assert receipt["source"] == "detector:reported_counts"
    assert len(receipt["sha256"]) == 64


def test_a_window_is_announced_once_and_ended(edge: Any) -> None:
    client = edge.key()
    body, once = {"reason": "deploy", "note": "4.2", "length_minutes": 30}, {"Idempotency-Key": "w1"}
    made = client.post("/api/ops/suppressions", json=body, headers=once)
    again = client.post("/api/ops/suppressions", json=body, headers=once)
    assert (made.status_code, again.json()) == (201, made.json())
    assert again.headers["idempotency-replayed"] == "true"
    path = f"/api/ops/suppressions/{made.json()['id']}"
    version = client.get(path).headers["etag"]
    assert client.delete(path, headers={"If-Match": '"old"'}).status_code == 412
    assert client.delete(path, headers={"If-Match": version}).json()["cancelled_at"]
    assert client.delete(path).status_code == 409
    assert client.get("/api/ops/suppressions", params={"current": True}).json()["items"] == []


def test_a_window_in_hindsight_or_too_long_is_refused(edge: Any) -> None:
    client, body = edge.key(), {"reason": "deploy", "note": "x", "length_minutes": 30}
    past = {**body, "starts_at": (edge.clock.now() - timedelta(hours=1)).isoformat()}
    for wrong, pointer in ((past, "#/starts_at"), ({**body, "length_minutes": 241}, "#/length_minutes")):
        answer = client.post("/api/ops/suppressions", json=wrong)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


def test_the_trail_is_read_verified_and_taken_away(edge: Any, incident: str) -> None:
    client = edge.key()
    entries = [one for page in _walk(client, "/api/ops/audit", limit=2) for one in page]
    assert [one["seq"] for one in entries] == list(range(len(entries), 0, -1))
    assert client.get("/api/ops/audit/1").json() == entries[-1]
    verified = client.get("/api/ops/audit/verify").json()
    assert (verified["whole"], verified["head"]) == (True, entries[0]["hash"])
    lines = [json.loads(line) for line in client.get("/api/ops/audit/export").text.splitlines()]
    assert [line["seq"] for line in lines] == list(range(1, len(entries) + 1))
    mine = client.get("/api/ops/audit", params={"incident": incident, "action": "incident.opened"}).json()["items"]
    assert len(mine) == 1


def test_a_tampered_trail_is_found(edge: Any, incident: str) -> None:
    client = edge.key()
    with edge.database.owner() as connection:
        connection.execute(text("alter table audit_entries disable trigger all"))
        connection.execute(
            text("update audit_entries set entry = replace(entry, 'incident', 'accident') where seq = 2")
        )
    verified = client.get("/api/ops/audit/verify").json()
    assert (verified["whole"], verified["first_bad"]) == (False, 2)


def test_a_key_is_made_shown_once_and_ended(edge: Any) -> None:
    client = edge.key()
    body, once = {"name": "flags", "scopes": ["flags:read"]}, {"Idempotency-Key": "k"}
    made = client.post("/api/ops/keys", json=body, headers=once).json()
    again = client.post("/api/ops/keys", json=body, headers=once).json()
    assert made["secret"].startswith("ops_")
    assert (again["id"], again["secret"]) == (made["id"], None)
    assert not edge.rows("select 1 from idempotency_keys where response::text like '%ops\\_%'")
    fresh = edge.client({"X-API-Key": made["secret"]})
    assert fresh.get("/api/ops/incidents").status_code == 403
    assert client.delete(f"/api/ops/keys/{made['id']}").json()["revoked_at"]
    assert fresh.get("/api/ops/incidents").status_code == 401
    assert client.delete(f"/api/ops/keys/{made['id']}").status_code == 409


def test_a_key_opens_no_more_than_its_maker_may(edge: Any) -> None:
    small = edge.key("acme", "keys:write", "flags:read", name="small")
    beyond = small.post("/api/ops/keys", json={"name": "x", "scopes": ["people:write"]})
    assert beyond.status_code == 403
    never = edge.key().post("/api/ops/keys", json={"name": "x", "scopes": ["approvals:decide"]})
    assert never.status_code == 403


def test_people_and_their_roles(edge: Any) -> None:
    admin, me, _ = edge.person("ann", Role.SECURITY_ADMIN)
    made = admin.post("/api/ops/people", json={"email": "Bob@Example.org", "name": "Bob", "roles": ["responder"]})
    assert (made.status_code, made.json()["email"], made.json()["roles"]) == (201, "bob@example.org", ["responder"])
    path = f"/api/ops/people/{made.json()['id']}"
    version = admin.get(path).headers["etag"]
    raised = admin.put(f"{path}/roles", json={"roles": ["incident_commander"]}, headers={"If-Match": version})
    assert raised.json()["roles"] == ["incident_commander"]
    stale = admin.put(f"{path}/roles", json={"roles": []}, headers={"If-Match": version})
    assert stale.status_code == 412
    assert admin.put(f"/api/ops/people/{me.id}/roles", json={"roles": ["break_glass"]}).status_code == 403
    assert admin.put(f"{path}/roles", json={"roles": ["engine"]}).json()["errors"][0]["pointer"] == "#/roles"
    assert admin.put(f"{path}/roles", json={"roles": []}).json()["roles"] == []
    assert admin.get(path).status_code == 404, "who holds no role here is not there"


def test_the_last_security_admin_stays_one(edge: Any) -> None:
    _, me, _ = edge.person("ann", Role.SECURITY_ADMIN)
    answer = edge.key().put(f"/api/ops/people/{me.id}/roles", json={"roles": ["viewer"]})
    assert answer.status_code == 409
    assert edge.rows("select role from person_roles")[0].role == "security_admin"


def test_giving_power_wants_a_second_factor(edge: Any) -> None:
    admin, _, _ = edge.person("ann", Role.SECURITY_ADMIN, stepped_up=False)
    for path, body in (
        ("/api/ops/people", {"email": "b@example.org", "name": "B", "roles": ["viewer"]}),
        ("/api/ops/keys", {"name": "x", "scopes": ["flags:read"]}),
    ):
        assert admin.post(path, json=body).status_code == 401


def test_metrics_of_a_window(edge: Any) -> None:
    client, now = edge.key(), edge.clock.now()
    rows = [
        {"id": f"m{n}", "type": "login_failed" if n % 4 else "login_succeeded", "user_id": f"u{n % 5}",
         "ip": "203.0.113.9", "occurred_at": (now - timedelta(seconds=20)).isoformat()}
        for n in range(40)
    ]  # fmt: skip
    assert client.post("/api/ops/events", json=rows).status_code == 202
    found = client.get("/api/ops/auth/metrics", params={"window_minutes": 15}).json()
    assert (found["counts"], found["users"], found["addresses"]) == ({"login_failed": 30, "login_succeeded": 10}, 5, 1)
    assert found["rates"]["FAILED_LOGINS_SPIKE"]["failed_share"] == 0.75
    assert sum(step["counts"].get("login_failed", 0) for step in found["steps"]) == 30
    assert edge.key("globex").get("/api/ops/auth/metrics").json()["counts"] == {}


def test_text_that_no_database_takes_is_pointed_at(edge: Any, incident: str) -> None:
    client = edge.key()
    for said in ("a\x00b", "\ud800"):
        raw = json.dumps({"text": said})
        answer = client.post(
            f"/api/ops/incidents/{incident}/notes", content=raw, headers={"content-type": "application/json"}
        )
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/text")
    assert client.get("/api/ops/audit", params={"actor": "x\ny"}).status_code == 422
