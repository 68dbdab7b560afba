"""42: ids and tenants that somebody made up, or has from elsewhere, reach nothing: in path, query, body or header."""

from typing import Any
from uuid import uuid4

import pytest

REASON = {"reason": "because"}
SNAPSHOT = {"actions": [{"action": "evidence.snapshot"}], **REASON}


def test_s42_another_tenant_s_ids_and_made_up_ones_get_the_same_answer(edge: Any, victim: Any) -> None:
    """Who asks cannot tell what is another's from what is not there at all."""
    someone, _, code = edge.person("mallory")
    for name, path, act in (
        ("incident_id", "/api/ops/incidents/{}", None), ("incident_id", "/api/ops/incidents/{}/timeline", None),
        ("incident_id", "/api/ops/incidents/{}/notes", {"text": "x"}),
        ("incident_id", "/api/ops/incidents/{}/resolve", REASON), ("approval_id", "/api/ops/approvals/{}", None),
        ("approval_id", "/api/ops/approvals/{}/approve", {**REASON, "totp": "000000"}),
        ("approval_id", "/api/ops/approvals/{}/deny", REASON), ("mitigation_id", "/api/ops/mitigations/{}", None),
        ("mitigation_id", "/api/ops/mitigations/{}/revert", REASON), ("command_id", "/api/ops/auth/actions/{}", None),
        ("suppression_id", "/api/ops/suppressions/{}", None),
    ):  # fmt: skip
        answers = [
            someone.post(path.format(key), json=act) if act else someone.get(path.format(key))
            for key in (victim.ids[name], uuid4())
        ]
        told = [{**one.json(), "instance": ""} for one in answers]
        assert [one.status_code for one in answers] == [404, 404], path
        assert told[0] == told[1], path
    assert code()


def test_s42_an_action_names_no_incident_of_another_tenant(edge: Any, victim: Any) -> None:
    before = victim.digest()
    answer = edge.key().post("/api/ops/auth/actions", json={**SNAPSHOT, "incident_id": victim.ids["incident_id"]})
    assert answer.status_code == 404
    assert victim.digest() == before
    assert edge.rows("select count(*) as n from commands where tenant_id = 'acme'")[0].n == 0


@pytest.mark.parametrize("header", ["X-Tenant", "X-Tenant-Id", "Tenant", "X-Forwarded-Tenant"])
def test_s42_a_tenant_in_a_header_or_a_query_counts_for_nothing(edge: Any, victim: Any, header: str) -> None:
    client = edge.key()
    answer = client.get(
        "/api/ops/incidents", headers={header: "globex"}, params={"tenant": "globex", "tenant_id": "globex"}
    )
    assert answer.json() == {"items": [], "next": None}


def test_s42_fields_that_nobody_may_set_are_refused_by_name(edge: Any, victim: Any) -> None:
    client = edge.key()
    for path, body in (
        ("/api/ops/suppressions", {"reason": "deploy", "note": "x", "length_minutes": 5, "tenant_id": "globex"}),
        ("/api/ops/keys", {"name": "x", "scopes": ["flags:read"], "tenant_id": "globex"}),
        ("/api/ops/people", {"email": "x@example.org", "name": "x", "roles": ["viewer"], "tenant": "*"}),
        ("/api/ops/auth/actions", {**SNAPSHOT, "actor": "person:ceo@example.org"}),
    ):
        answer = client.post(path, json=body)
        assert answer.status_code == 422, path
        assert answer.json()["errors"][0]["pointer"].rpartition("/")[2] in body


def test_s42_a_cursor_of_another_tenant_shows_the_caller_s_own_rows_only(edge: Any, victim: Any) -> None:
    theirs = edge.key("globex", name="theirs")
    for note in ("a", "b"):
        made = theirs.post("/api/ops/suppressions", json={"reason": "deploy", "note": note, "length_minutes": 5})
        assert made.status_code == 201
    cursor = theirs.get("/api/ops/suppressions", params={"limit": 1}).json()["next"]
    assert edge.key().get("/api/ops/suppressions", params={"limit": 1, "cursor": cursor}).json()["items"] == []
