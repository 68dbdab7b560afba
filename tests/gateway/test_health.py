"""Health: what is asked by machines and by people, and what it says when something is wrong."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from gateway.app import create_app
from spine.notification import Topic
from spine.severity import Severity
from store import outbox
from store.engine import Database
from store.heartbeats import beat


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


def test_not_ready_while_the_schema_is_another(url: str, database: Database) -> None:
    with database.owner() as connection:
        connection.execute(text("update alembic_version set version_num = '0000'"))
    answer = httpx.get(f"{url}/readyz")
    assert answer.status_code == 503
    assert "the schema is at 0000" in answer.json()["output"]


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
        "drills": "pass", "prefect": "fail", "slack": "pass",
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


@pytest.mark.parametrize(
    ("path", "kind", "names"),
    [
        ("/slack/interactivity", "application/json", ["error", "ok"]),
        ("/ofrep/v1/evaluate/flags", "application/json", ["errorCode", "errorDetails"]),
    ],
)
def test_too_large_a_body_is_refused_in_the_shape_of_the_protocol(
    url: str, path: str, kind: str, names: list[str]
) -> None:
    refused = httpx.post(f"{url}{path}", content=b"x" * (1024 * 1024 + 1))
    assert (refused.status_code, refused.headers["content-type"], sorted(refused.json())) == (
        413,
        kind,
        names,
    )


def test_slack_is_reachable_half_configured_or_down(slack_case: Any, serve: Callable[[Any], str]) -> None:
    case, gateway = slack_case.case, slack_case.slack.app_url

    def slack() -> Any:
        check = httpx.get(f"{gateway}/api/health").json()["checks"]["slack"][0]
        return check["status"]

    assert slack() == "pass"
    slack_case.slack.down = True
    assert slack() == "warn"
    slack_case.slack.down = False
    case.settings.slack.signing_secret = None
    assert slack() == "warn"


def test_a_runbook_that_lost_its_automatic_steps_for_want_of_a_drill_is_named(url: str, approval_case: Any) -> None:
    case = approval_case
    with case.database.system() as connection:
        beat(connection, "drills", now=case.clock.now(), detail={"overdue": ["tenant_leak_risk"]})
    (check,) = httpx.get(f"{url}/api/health").json()["checks"]["drills"]
    assert check["status"] == "warn"
    assert "tenant_leak_risk" in check["output"]
    assert "opsspine drill" in check["output"]
