"""Traces: one line from a request to the message it caused, and nothing at all where nobody asked for traces."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from blocks import telemetry
from gateway.app import create_app
from spine import trace
from spine.notification import Topic
from spine.severity import Severity
from store import outbox
from tasks.relay import drain_channel

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def traced(collector: Any, approval_case: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """This process traces into the collector."""
    kept: list[Any] = []
    monkeypatch.setattr(telemetry.otel, "set_tracer_provider", kept.append)
    monkeypatch.setattr(telemetry.otel, "get_tracer_provider", lambda: kept[-1])
    approval_case.settings.otlp_endpoint = collector.url
    telemetry.install("test", approval_case.settings)
    yield collector
    kept[-1].shutdown()
    trace.install(None)


@pytest.fixture
def url(approval_case: Any, serve: Callable[[Any], str]) -> str:
    approval_case.settings.prefect.api_url = "http://127.0.0.1:9/api"
    return serve(create_app(approval_case.settings, approval_case.database, clock=approval_case.clock))


def test_a_request_is_a_span_by_route_within_the_callers_trace(traced: Any, url: str) -> None:
    httpx.get(f"{url}/nothing/here", headers={"traceparent": PARENT, "X-Request-ID": "r-1"})
    httpx.post(f"{url}/api/ops/events", json=[], headers={"X-API-Key": "ok_wrong-key-that-must-not-travel"})
    telemetry.flush()
    (lost,) = traced.until(lambda: traced.named("GET unmatched"))
    assert (lost.trace, lost.parent) == (PARENT.split("-")[1], PARENT.split("-")[2])
    assert lost.attributes["request"] == "r-1"
    (refused,) = traced.named("POST /api/ops/events")
    assert refused.attributes["http.response.status_code"] == 401
    assert not any(b"must-not-travel" in body for body in traced.bodies)


def test_what_machines_ask_all_the_time_is_not_traced(traced: Any, url: str) -> None:
    for path in ("/livez", "/readyz", "/api/metrics", "/api/health"):
        httpx.get(f"{url}{path}", timeout=30)
    httpx.get(f"{url}/nothing")
    telemetry.flush()
    traced.until(lambda: traced.named("GET unmatched"))
    assert [span.name for span in traced.spans if "unmatched" not in span.name] == []


@pytest.mark.parametrize("given", ["nonsense", "00-zz-1-01", "00-" + "0" * 500])
def test_a_malformed_trace_of_a_caller_begins_a_new_one(traced: Any, url: str, given: str) -> None:
    assert httpx.get(f"{url}/nothing", headers={"traceparent": given}).status_code == 404
    telemetry.flush()
    (span,) = traced.until(lambda: traced.named("GET unmatched"))
    assert span.parent == "", traced.spans


def _put(case: Any, dedupe: str) -> None:
    with case.database.system() as connection:
        outbox.put(
            connection, case.tenant, Topic.INCIDENT_OPENED, {"incident": str(case.incident.id)},
            severity=Severity.HIGH, incident_id=case.incident.id, dedupe=dedupe, now=case.clock.now(), channels=["log"],
        )  # fmt: skip


def test_a_message_is_delivered_in_the_trace_it_was_written_in(traced: Any, approval_case: Any) -> None:
    case = approval_case
    with trace.span("decide", "server"):
        _put(case, "a")
    drain_channel(case.database, case.settings, case.clock, "log")
    telemetry.flush()
    (delivered,) = traced.until(lambda: traced.named("deliver log"))
    (decided,) = traced.named("decide")
    assert (delivered.trace, delivered.parent) == (decided.trace, decided.span)
    assert delivered.attributes["incident"] == str(case.incident.id)


def test_what_fails_is_marked_and_tells_no_secret(traced: Any) -> None:
    with pytest.raises(ConnectionError), trace.span("work"):
        raise ConnectionError("postgres://user:hunter2@db/x is gone")
    telemetry.flush()
    (span,) = traced.until(lambda: traced.named("work"))
    assert span.failed
    assert not any(b"hunter2" in body for body in traced.bodies)


def test_without_an_endpoint_no_row_bears_a_trace_and_no_statement_is_made_for_it(approval_case: Any) -> None:
    case = approval_case
    telemetry.install("test", case.settings)
    assert not trace.on()
    assert trace.traceparent() is None
    _put(case, "a")
    with case.database.system() as connection:
        assert connection.execute(text("select count(*) from outbox where trace is not null")).scalar_one() == 0


def test_without_addresses_nothing_of_it_is_even_imported() -> None:
    look = (
        "import sys; from spine.settings import Settings; from deployments.observing import observe, finish;"
        "import gateway.app; observe('x', Settings()); finish();"
        "print([m for m in ('sentry_sdk', 'opentelemetry.sdk', 'opentelemetry.exporter') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
