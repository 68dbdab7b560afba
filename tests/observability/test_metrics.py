"""Metrics: what they count, what they never do, and that dashboards and rules name only what is exported."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from gateway.app import create_app
from spine.audit import AuditAction
from spine.health import Reading, Status, standing
from spine.severity import Severity
from store import audit
from store.figures import BUCKETS
from store.heartbeats import beat
from store.standings import keep

ROOT = Path(__file__).parents[2]
DASHBOARDS = sorted((ROOT / "deployments" / "grafana").glob("*.json"))
RULES = ROOT / "deployments" / "prometheus" / "rules.yml"
OURS = re.compile(r"\bopsspine_[a-z_]+")
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def case(approval_case: Any) -> Any:
    approval_case.settings.prefect.api_url = "http://127.0.0.1:9/api"
    return approval_case


@pytest.fixture
def url(case: Any, serve: Callable[[Any], str]) -> str:
    return serve(create_app(case.settings, case.database, clock=case.clock))


def scrape(url: str) -> Samples:
    page = httpx.get(f"{url}/api/metrics").text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


def test_response_times_are_histograms_over_what_is_stored(url: str, case: Any) -> None:
    with case.database.owner() as connection:
        connection.execute(
            text(
                "update incidents set opened_at = first_event_at + interval '40 seconds',"
                " acknowledged_at = first_event_at + interval '100 seconds',"
                " mitigated_at = first_event_at + interval '10 minutes'"
            )
        )
    found = scrape(url)
    kind = {"kind": "FAILED_LOGINS_SPIKE", "severity": "2"}
    assert value(found, "opsspine_time_to_detect_seconds_sum", **kind) == 40
    assert value(found, "opsspine_time_to_detect_seconds_bucket", le="30", **kind) == 0
    assert value(found, "opsspine_time_to_detect_seconds_bucket", le="60", **kind) == 1
    assert value(found, "opsspine_time_to_acknowledge_seconds_sum", **kind) == 60
    assert value(found, "opsspine_time_to_mitigate_seconds_bucket", le="+Inf", **kind) == 1
    assert not any(name.startswith("opsspine_time_to_resolve_seconds_") for name, _ in found)


def test_buckets_only_grow() -> None:
    assert list(BUCKETS) == sorted(set(BUCKETS))


def test_drills_are_left_out(url: str, case: Any) -> None:
    case.ask()
    with case.database.owner() as connection:
        connection.execute(text("update incidents set synthetic = true, drill_id = 'd'"))
        connection.execute(text("update approvals set synthetic = true"))
    found = scrape(url)
    assert not any(name.startswith(("opsspine_time_to", "opsspine_incidents")) for name, _ in found)
    assert not any(name == "opsspine_approvals_pending" for name, _ in found)


def test_what_waits_for_people_has_an_age(url: str, case: Any) -> None:
    case.ask()
    case.clock.advance(timedelta(seconds=90))
    found = scrape(url)
    (gate,) = [labels for name, labels in found if name == "opsspine_approvals_pending"]
    assert found["opsspine_approvals_pending", gate] == 1
    assert found["opsspine_approval_oldest_seconds", gate] == 90
    assert value(found, "opsspine_outbox_age_seconds", channel="log") == 90


def test_parts_ticks_and_the_trail_are_shown(url: str, case: Any) -> None:
    now = case.clock.now()
    bad = Reading(status=Status.FAIL, said="full", means="m", do="d")
    with case.database.system() as connection:
        beat(connection, "detect", now=now, detail={"seconds": 0.25})
        keep(connection, [standing("disk", bad, severity=Severity.HIGH, at=now, took=timedelta(0), before=None)])
        audit.append(
            connection, case.tenant, AuditAction.POLICY_CHANGED, actor="cli:x", at=now, subject="key:a"
        )  # fmt: skip
    found = scrape(url)
    assert value(found, "opsspine_check_status", check="disk") == 2
    assert value(found, "opsspine_tick_seconds") == 0.25
    assert value(found, "opsspine_audit_entries_total") >= 1
    assert value(found, "opsspine_database_bytes") > 1e6


def test_requests_are_counted_by_route_template_whatever_is_asked_for(url: str) -> None:
    for number in range(30):
        httpx.get(f"{url}/nothing/{number}")
        httpx.get(f"{url}/api/ops/incidents/{number}", headers={"X-API-Key": "wrong"})
        httpx.request(f"VERB{number}", f"{url}/livez")
    httpx.get(f"{url}/livez")
    found = scrape(url)
    series = {labels for name, labels in found if name == "opsspine_http_request_seconds_count"}
    assert len(series) < 10, series
    assert value(found, "opsspine_http_request_seconds_count", route="/livez", method="GET", status="2xx") == 1
    assert value(found, "opsspine_http_request_seconds_count", route="unmatched", method="GET", status="4xx") == 30


def test_refusals_are_counted_by_reason(url: str) -> None:
    for _ in range(12):
        httpx.post(f"{url}/api/ops/events", json=[], headers={"X-API-Key": "wrong"})
    assert value(scrape(url), "opsspine_refusals_total", reason="key.unknown") == 12


def test_only_listed_tenants_stand_in_metrics(url: str, case: Any) -> None:
    page = httpx.get(f"{url}/api/metrics").text
    assert case.tenant not in page
    assert "tenant=" not in page
    case.settings.observe.metric_tenants = [case.tenant]
    assert value(scrape(url), "opsspine_tenant_incidents_live", tenant=case.tenant, severity="2") == 1


def exported(page: str) -> set[str]:
    """Every name that may be asked for, samples or not."""
    names: set[str] = set()
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", page, re.MULTILINE):
        names |= {f"{name}_{part}" for part in ("bucket", "sum", "count")} if kind == "histogram" else {name}
    return names


def _expressions() -> Iterator[tuple[str, str]]:
    for file in DASHBOARDS:
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel.get("targets", []):
                yield f"{file.name}: {panel['title']}", target["expr"]
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            yield f"rules: {rule['alert']}", rule["expr"]


def test_dashboards_and_rules_name_only_what_is_exported_and_all_of_it_is_shown_somewhere(url: str) -> None:
    names = exported(httpx.get(f"{url}/api/metrics").text)
    asked = [(where, name) for where, expression in _expressions() for name in OURS.findall(expression)]
    assert [(where, name) for where, name in asked if name not in names] == []
    unseen = {name for name in names if name.startswith("opsspine_")} - {name for _, name in asked}
    assert {name for name in unseen if not name.endswith(("_created", "_sum", "_count", "_bucket"))} == {
        "opsspine_approvals"
    }


def test_every_alert_says_what_it_means_and_what_to_do() -> None:
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            assert {"summary", "description", "runbook"} <= rule["annotations"].keys(), rule["alert"]
            assert rule["labels"]["severity"] in {"medium", "high", "critical"}, rule["alert"]


def test_commands_that_alerts_speak_of_exist() -> None:
    from deployments.docs.command import commands

    known = {words for words, _ in commands()}
    told = re.findall(r"`opsspine ([a-z ]+?)(?= --| <|`)", RULES.read_text())
    assert told
    assert [words for words in told if words not in known] == []


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)
def test_a_dashboard_is_whole(file: Path) -> None:
    board = json.loads(file.read_text())
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
    assert all(p["gridPos"]["x"] + p["gridPos"]["w"] <= 24 for p in board["panels"])
    assert board["templating"]["list"][0]["name"] == "datasource"
    assert "__inputs" not in board


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "rules", "rules.yml"),
        ("test", "rules", "rules.test.yml"),
    ],
    ids=["syntax", "behaviour"],
)
def test_promtool_agrees_with_the_rules(arguments: tuple[str, ...]) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (apt-get install prometheus)")
    done = subprocess.run([promtool, *arguments], cwd=RULES.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_accepts_the_page(url: str) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (apt-get install prometheus)")
    page = httpx.get(f"{url}/api/metrics").text
    done = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
