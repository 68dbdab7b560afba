"""Alerts of an Alertmanager, over real HTTP: one incident each, heard once, ended with the last of them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from gateway.app import create_app
from spine.clock import ManualClock
from spine.ids import TenantId
from spine.settings import Settings
from store import incidents
from store.engine import Database
from store.forget import forget
from store.keys import add_key

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ACME, GLOBEX = TenantId("acme"), TenantId("globex")


class Edge:
    def __init__(self, database: Database, serve: Callable[[Any], str]) -> None:
        self.database, self.clock = database, ManualClock(NOW)
        self.settings = Settings()
        self.url = serve(create_app(self.settings, database, clock=self.clock))
        self.secrets: dict[tuple[str, str], str] = {}

    def secret(self, tenant: TenantId, scope: str) -> str:
        if (tenant, scope) not in self.secrets:
            with self.database.system() as connection:
                _, secret = add_key(connection, tenant, f"am-{scope}", [scope], now=self.clock.now())
            self.secrets[tenant, scope] = secret
        return self.secrets[tenant, scope]

    def post(self, *alerts: dict[str, Any], tenant: TenantId = ACME, scope: str = "alerts:write") -> httpx.Response:
        body = {
            "version": "4", "groupKey": "{}", "status": "firing", "receiver": "opsspine", "alerts": list(alerts),
            "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "", "truncatedAlerts": 0,
        }  # fmt: skip
        return self.raw(body, tenant, scope)

    def raw(self, body: Any, tenant: TenantId = ACME, scope: str = "alerts:write") -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.secret(tenant, scope)}"}
        return httpx.post(f"{self.url}/api/ops/alertmanager", json=body, headers=headers, trust_env=False, timeout=60)

    def incidents(self) -> list[Any]:
        with self.database.system() as connection:
            return incidents.list_recent(connection)


@pytest.fixture
def edge(database: Database, serve: Callable[[Any], str]) -> Edge:
    return Edge(database, serve)


def alert(fingerprint: str = "c1a5b9f3d2e04786", status: str = "firing", **labels: str) -> dict[str, Any]:
    return {
        "status": status, "fingerprint": fingerprint, "startsAt": "2026-03-02T11:55:00.123456789Z",
        "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "http://prometheus.example.org/graph", "annotations": {},
        "labels": {"alertname": "LoginFailures", "severity": "critical", "opsspine_kind": "FAILED_LOGINS_SPIKE"}
        | labels,
    }  # fmt: skip


def test_a_firing_alert_opens_an_incident_that_is_told(edge: Edge) -> None:
    answer = edge.post(alert())
    assert answer.status_code == 200
    (incident,) = edge.incidents()
    assert answer.json()["opened"] == {"c1a5b9f3d2e04786": str(incident.id)}
    assert (incident.tenant_id, incident.kind, incident.severity.label) == (ACME, "FAILED_LOGINS_SPIKE", "critical")
    assert incident.title == "FAILED_LOGINS_SPIKE: LoginFailures"
    with edge.database.system() as connection:
        assert connection.execute(text("select topic from outbox")).scalars().all() == ["incident.opened"]
        assert connection.execute(text("select count(*) from evidence")).scalar_one() == 1


def test_sent_again_by_it_or_its_twin_nothing_changes(edge: Edge) -> None:
    edge.post(alert())
    again = edge.post(alert())
    assert again.json()["duplicate"] == ["c1a5b9f3d2e04786"]
    assert len(edge.incidents()) == 1


def test_two_alerts_of_one_subject_are_one_incident_that_ends_with_the_last(edge: Edge) -> None:
    edge.post(alert(), alert("other"))
    (incident,) = edge.incidents()
    first = edge.post(alert(status="resolved")).json()
    assert first["noted"] == {"c1a5b9f3d2e04786": str(incident.id)}
    last = edge.post(alert("other", status="resolved")).json()
    assert last["closed"] == {"other": str(incident.id)}
    assert edge.incidents()[0].status == "resolved"
    with edge.database.system() as connection:
        assert "incident.resolved" in connection.execute(text("select topic from outbox")).scalars().all()


def test_what_detection_or_a_runbook_holds_open_is_not_closed_by_an_alert(edge: Edge) -> None:
    edge.post(alert())
    with edge.database.system() as connection:
        connection.execute(text("update incidents set status = 'mitigating'"))
    assert list(edge.post(alert(status="resolved")).json()["noted"]) == ["c1a5b9f3d2e04786"]
    assert edge.incidents()[0].status == "mitigating"


def test_while_an_alert_fires_quiet_alone_ends_nothing(edge: Edge) -> None:
    edge.post(alert())
    later = NOW + timedelta(hours=3)
    for expected in (0, 1):
        with edge.database.system() as connection:
            ended = incidents.settle(
                connection, {ACME: later}, later, detect=edge.settings.detect, notify=edge.settings.notify
            )
        assert len(ended) == expected
        with edge.database.system() as connection:  # as if its end had been heard while the incident had to stay
            connection.execute(
                text(
                    "insert into alerts select tenant_id, fingerprint, starts_at, 'resolved', incident_id, received_at,"
                    " labels from alerts on conflict do nothing"
                )
            )


def test_an_alert_of_another_subject_is_another_incident(edge: Edge) -> None:
    edge.post(alert(), alert("other", opsspine_subject="provider:google", opsspine_kind="OAUTH_CALLBACK_ERRORS"))
    assert {one.subject for one in edge.incidents()} == {"tenant", "provider:google"}


@pytest.mark.parametrize("named", ["", "NONSENSE", "SPINE_HEALTH"])
def test_what_is_no_type_of_incident_is_ignored_with_the_reason(edge: Edge, named: str) -> None:
    answer = edge.post(alert(opsspine_kind=named)).json()
    assert "opsspine_kind" in answer["ignored"]["c1a5b9f3d2e04786"]
    assert edge.incidents() == []


def test_the_tenant_is_the_keys_whatever_the_labels_say(edge: Edge) -> None:
    edge.post(alert(tenant="acme", tenant_id="acme"), tenant=GLOBEX)
    assert [one.tenant_id for one in edge.incidents()] == [GLOBEX]
    assert edge.post(alert(status="resolved")).json()["ignored"] != {}
    assert edge.incidents()[0].status == "open"


def test_only_a_key_that_may_tells_of_alerts(edge: Edge) -> None:
    assert edge.post(alert(), scope="ops:read").status_code == 403
    assert httpx.post(f"{edge.url}/api/ops/alertmanager", json={}, trust_env=False).status_code == 401


def test_an_unknown_severity_counts_as_high_and_secrets_in_labels_are_not_kept(edge: Edge) -> None:
    edge.post(alert(severity="urgent!!", token="Bearer abcdefghijklmnopqrstuvwxyz0123456789"))
    assert edge.incidents()[0].severity.label == "high"
    with edge.database.system() as connection:
        assert "abcdefghij" not in str(connection.execute(text("select labels from alerts")).all())


@pytest.mark.parametrize(
    "broken",
    [
        {"version": "3", "alerts": []}, {"version": "4"}, {"version": "4", "alerts": [{"status": "firing"}]},
        {"version": "4", "alerts": [alert() | {"startsAt": "9999-12-31T23:59:59-12:00"}]},
        {"version": "4", "alerts": [alert() | {"fingerprint": "a/b"}]},
        {"version": "4", "alerts": [alert(bad="\x00")]},
    ],
    ids=["version", "no-alerts", "fields", "time", "fingerprint", "nul"],
)  # fmt: skip
def test_what_is_no_webhook_of_alertmanager_is_refused_whole(edge: Edge, broken: Any) -> None:
    answer = edge.raw(broken)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert edge.incidents() == []


def test_too_many_at_once_are_refused(edge: Edge) -> None:
    edge.settings.alertmanager.max_alerts = 1
    assert edge.post(alert(), alert("other")).status_code == 413


def test_alerts_of_what_is_over_are_forgotten_and_others_stay(edge: Edge) -> None:
    edge.post(alert(), alert("ignored", opsspine_kind="NONSENSE"))
    later = NOW + timedelta(days=40)
    with edge.database.system() as connection:
        forget(connection, later)
        kept = connection.execute(text("select fingerprint from alerts")).scalars().all()
    assert kept == ["c1a5b9f3d2e04786"], "its incident is open"
