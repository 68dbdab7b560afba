"""A click in Slack, traced: what it causes in other processes belongs to its trace."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from blocks import telemetry
from spine import trace


@pytest.fixture
def traced(collector: Any, slack_case: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """This process, the gateway in it included, traces into the collector."""
    kept: list[Any] = []
    monkeypatch.setattr(telemetry.otel, "set_tracer_provider", kept.append)
    monkeypatch.setattr(telemetry.otel, "get_tracer_provider", lambda: kept[-1])
    slack_case.case.settings.otlp_endpoint = collector.url
    telemetry.install("test", slack_case.case.settings)
    yield collector
    kept[-1].shutdown()
    trace.install(None)


def test_the_message_of_a_decision_belongs_to_the_click_that_made_it(traced: Any, slack_case: Any) -> None:
    case = slack_case.case
    case.ask()
    ana = case.slack(case.person("ana"), "U1")
    slack_case.relay()
    slack_case.submit(slack_case.click("U1"), "U1", case.code(ana), "seen in the logs")
    telemetry.flush()
    clicks = traced.until(lambda: [s for s in traced.named("POST /slack") if s.service == "opsspine-test"])
    with case.database.system() as connection:
        query = text("select trace from outbox where topic = 'approval.decided' limit 1")
        written = connection.execute(query).scalar_one()
    assert written is not None
    assert written.split("-")[1] in {click.trace for click in clicks}
