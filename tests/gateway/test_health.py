"""Health: what is asked by machines and by people, and what it says when something is wrong."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from gateway.app import create_app
from spine.health import Reading, Status, standing
from spine.notification import Topic
from spine.severity import Severity
from store import outbox
from store.engine import Database
from store.heartbeats import beat
from store.keys import add_key
from store.standings import keep
from store.vital import CHECKS


@pytest.fixture
def url(approval_case: Any, serve: Callable[[Any], str]) -> str:
    approval_case.settings.prefect.api_url = "http://127.0.0.1:9/api"
    return serve(create_app(approval_case.settings, approval_case.database, clock=approval_case.clock))


def _checks(url: str) -> dict[str, str]:
    answer = httpx.get(f"{url}/api/health")
    assert answer.headers["content-type"] == "application/health+json"
    return {name: checks[0]["status"] for name, checks in answer.json()["checks"].items()}


def test_alive_and_ready(url: str) -> None:
    assert httpx.get(f"{url}/livez").json() == {"status": "pass"}
    assert httpx.get(f"{url}/readyz").status_code == 200


def test_not_ready_without_the_schema(url: str, database: Database) -> None:
    with database.owner() as connection:
        connection.execute(text("delete from alembic_version"))
    answer = httpx.get(f"{url}/readyz")
    assert answer.status_code == 503
    assert "the schema is at" in answer.json()["output"]


def test_without_a_database_it_is_alive_but_not_ready(approval_case: Any, serve: Callable[[Any], str]) -> None:
    gone = Database("postgresql://nobody@127.0.0.1:9/none")
    url = serve(create_app(approval_case.settings, gone, clock=approval_case.clock))
    assert httpx.get(f"{url}/livez").status_code == 200
    assert httpx.get(f"{url}/readyz").status_code == 503
    refused = httpx.post(f"{url}/api/ops/events", json={}, headers={"X-API-Key": "k"})
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert refused.json()["type"] == "urn:opsspine:problem:database.down"


def test_every_component_is_named_and_the_worst_counts(url: str, approval_case: Any) -> None:
    case = approval_case
    assert _checks(url) == {
        "database": "pass", "relay": "warn", "detect": "warn", "reconcile": "warn", "outbox": "pass",
        "drills": "pass", "prefect": "fail", "checks": "warn",
    }  # fmt: skip
    assert httpx.get(f"{url}/api/health").status_code == 503
    with case.database.system() as connection:
        for component in ("relay", "detect", "reconcile"):
            beat(connection, component, now=case.clock.now())
    assert (_checks(url)["relay"], _checks(url)["detect"]) == ("pass", "pass")
    case.clock.advance(timedelta(minutes=5))
    assert (_checks(url)["relay"], _checks(url)["detect"]) == ("fail", "fail")


def test_messages_that_wait_or_were_given_up_are_shown(url: str, approval_case: Any) -> None:
    case = approval_case
    with case.database.system() as connection:
        outbox.put(
            connection, case.tenant, Topic.INCIDENT_OPENED, {}, severity=Severity.HIGH, incident_id=None, dedupe="a",
            now=case.clock.now(), channels=["log"],
        )  # fmt: skip
    case.clock.advance(timedelta(minutes=1))
    assert _checks(url)["outbox"] == "pass"
    case.clock.advance(timedelta(minutes=5))
    assert _checks(url)["outbox"] == "warn"
    with case.database.system() as connection:
        row = outbox.claim(connection, "log", now=case.clock.now(), lease=timedelta(seconds=1))
        assert row is not None
        outbox.fail(connection, row.id, "no such channel")
    assert "no such channel" in httpx.get(f"{url}/api/health").json()["checks"]["outbox"][0]["output"]


def test_metrics_count_what_is_stored_and_what_came_in(url: str, approval_case: Any) -> None:
    approval_case.ask()
    page = httpx.get(f"{url}/api/metrics")
    assert page.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'opsspine_incidents{kind="FAILED_LOGINS_SPIKE",severity="2",status="open"} 1.0' in page.text
    assert 'opsspine_approvals{status="pending"} 1.0' in page.text
    assert 'opsspine_outbox{channel="log",status="pending"} 1.0' in page.text
    assert "opsspine_outbox_oldest_seconds 0.0" in page.text


def test_an_unknown_path_is_a_problem_and_flags_have_their_own_shape(url: str) -> None:
    assert httpx.get(f"{url}/api/nothing").headers["content-type"] == "application/problem+json"
    refused = httpx.post(f"{url}/ofrep/v1/evaluate/flags/a", json={})
    assert (refused.status_code, sorted(refused.json())) == (401, ["errorCode", "errorDetails"])


def test_too_large_a_body_is_refused_in_the_shape_of_the_protocol(url: str) -> None:
    refused = httpx.post(f"{url}/slack/interactivity", content=b"x" * (1024 * 1024 + 1))
    assert (refused.status_code, sorted(refused.json())) == (413, ["error", "ok"])


def test_what_the_last_round_of_checks_found_is_shown_with_what_it_means_and_what_to_do(
    url: str, approval_case: Any
) -> None:
    case = approval_case
    bad = Reading(status=Status.WARN, said="9 % free", observed=9.0, unit="%", means="Soon full.", do="Make room.")
    with case.database.system() as connection:
        keep(
            connection,
            [standing("disk", bad, severity=Severity.HIGH, at=case.clock.now(), took=timedelta(0), before=None)],
        )
    case.clock.advance(timedelta(minutes=1))
    (disk,) = httpx.get(f"{url}/api/health").json()["checks"]["disk"]
    assert disk == {
        "componentId": "disk", "componentType": "system", "status": "warn", "output": "9 % free", "observedValue": 9.0,
        "observedUnit": "%", "means": "Soon full.", "do": "Make room.",
        "time": (case.clock.now() - timedelta(minutes=1)).isoformat(),
        "since": (case.clock.now() - timedelta(minutes=1)).isoformat(),
    }  # fmt: skip
    assert "disk: Make room." in httpx.get(f"{url}/api/health").json()["notes"]


def test_checks_that_nobody_makes_any_more_fail_themselves(url: str, approval_case: Any) -> None:
    case = approval_case
    with case.database.system() as connection:
        beat(connection, CHECKS, now=case.clock.now())
    assert _checks(url)["checks"] == "pass"
    case.clock.advance(timedelta(minutes=5))
    assert _checks(url)["checks"] == "fail"


@pytest.mark.parametrize("path", ["/api/health", "/api/metrics"])
def test_where_others_reach_the_gateway_details_take_a_key(
    path: str, approval_case: Any, serve: Callable[[Any], str]
) -> None:
    case = approval_case
    case.settings.gateway.public_url = "https://ops.example.org"
    url = serve(create_app(case.settings, case.database, clock=case.clock))
    case.settings.prefect.api_url = "http://127.0.0.1:9/api"
    with case.database.system() as connection:
        _, writes = add_key(connection, case.tenant, "app", ["events:write"], now=case.clock.now(), actor="cli:x")
        _, reads = add_key(
            connection, case.tenant, "monitor", ["health:read", "metrics:read"], now=case.clock.now(), actor="cli:x"
        )
    told = [
        httpx.get(f"{url}{path}", headers={"Authorization": f"Bearer {key}"} if key else {})
        for key in ("", "nonsense", writes, reads)
    ]
    detailed = ["checks" in answer.text or "opsspine_" in answer.text for answer in told]
    assert detailed == [False, False, False, True]
    if path == "/api/metrics":
        assert [answer.status_code for answer in told] == [401, 401, 403, 200]
    else:
        assert [answer.json()["status"] for answer in told] == ["fail"] * 4


def test_a_runbook_that_lost_its_automatic_steps_for_want_of_a_drill_is_named(url: str, approval_case: Any) -> None:
    case = approval_case
    with case.database.system() as connection:
        beat(connection, "drills", now=case.clock.now(), detail={"overdue": ["tenant_leak_risk"]})
    (check,) = httpx.get(f"{url}/api/health").json()["checks"]["drills"]
    assert check["status"] == "warn"
    assert "tenant_leak_risk" in check["output"]
    assert "opsspine drill" in check["output"]
