"""Reports of errors: what broke and where it belongs, never a secret, a body or a local variable."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import sentry_sdk
import structlog
from pydantic import SecretStr

from blocks import report
from deployments import log
from spine.settings import Settings

TOKEN = "xoxb-" + "1" * 12 + "-secretsecretsecret"


@pytest.fixture
def reported(collector: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Errors of this process go to the collector, as a gateway's would."""
    settings = Settings()
    settings.sentry_dsn = SecretStr(collector.dsn)
    report.install("test", settings)
    monkeypatch.setattr(log, "_reporters", [report.error])
    before, level = logging.getLogger().handlers[:], logging.getLogger().level
    configured = structlog.get_config()
    log.configure("test")
    yield collector
    sentry_sdk.get_client().close(0)
    sentry_sdk.init(dsn="")
    structlog.configure(**configured)
    logging.basicConfig(handlers=before, level=level, force=True)


def _told(reported: Any) -> dict[str, Any]:
    report.flush()
    reported.until(lambda: reported.events)
    (event,) = reported.events
    return dict(event)


def test_an_error_line_is_reported_once_with_what_was_raised_and_the_ids_it_belongs_to(reported: Any) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r-1", incident_id="i-1", run_id="f-1"):
        try:
            password = "hunter2"  # noqa: F841 - a local variable that must not travel
            raise ConnectionError(f"cannot reach postgres://user:hunter2@db/x with {TOKEN}")
        except ConnectionError:
            structlog.get_logger("gateway.test").exception("a request failed", path="/api/x", api_key=TOKEN)
    event = _told(reported)
    assert event["exception"]["values"][0]["type"] == "ConnectionError"
    assert {"request_id": "r-1", "incident_id": "i-1", "run_id": "f-1"}.items() <= event["tags"].items()
    assert event["contexts"]["line"]["path"] == "/api/x"
    sent = json.dumps(reported.events)
    assert "hunter2" not in sent
    assert "secretsecret" not in sent


def test_errors_of_libraries_are_reported_too_and_warnings_are_not(reported: Any) -> None:
    logging.getLogger("uvicorn.error").warning("only a warning")
    logging.getLogger("uvicorn.error").error("the loop broke with Authorization: Bearer %s", "a" * 40)
    event = _told(reported)
    assert "the loop broke" in event["logentry"]["message"]
    assert "a" * 40 not in json.dumps(event)


def test_a_line_without_an_exception_is_a_message(reported: Any) -> None:
    structlog.get_logger("tasks.relay").error("a message was given up", channel="slack")
    assert _told(reported)["message"] == "a message was given up"


def test_without_a_dsn_nothing_is_reported(collector: Any) -> None:
    report.install("test", Settings())
    report.error({"event": "x"}, None)
    report.flush()
    assert collector.bodies == []
