"""Scenario 26: a webhook may arrive twice; its id tells."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from spine.clock import SystemClock
from spine.notification import Topic
from spine.severity import Severity
from store import outbox
from tasks.relay import drain

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"


@pytest.fixture
def sending(approval_case: Any, receiver: Any) -> Any:
    """News that is on its way to a receiver which verifies signatures (against the real time)."""
    case = approval_case
    case.settings.webhook.url, case.settings.webhook.secret = receiver.url, SecretStr(SECRET)
    with case.database.system() as connection:
        outbox.put(
            connection, case.tenant, Topic.INCIDENT_OPENED, {"incident": str(case.incident.id)},
            severity=Severity.HIGH, incident_id=case.incident.id, dedupe="a", now=case.clock.now(),
            channels=["webhook"],
        )  # fmt: skip
    return case


def _again(case: Any) -> None:
    """Its waiting time passes."""
    with case.database.system() as connection:
        connection.execute(text("update outbox set next_attempt_at = created_at"))
        connection.execute(text("delete from outbox_channels"))


@pytest.mark.parametrize("trouble", [None, 500, 404], ids=["hung-up", "server-error", "not-found"])
def test_s26_a_retry_bears_the_same_id_and_a_valid_signature(sending: Any, receiver: Any, trouble: int | None) -> None:
    answers = iter([trouble, 204])
    receiver.answer = lambda _: next(answers)
    assert drain(sending.database, sending.settings, SystemClock()) == 0
    _again(sending)
    assert drain(sending.database, sending.settings, SystemClock()) == 1
    assert (len(receiver.messages), len(receiver.distinct())) == (2, 1)


def test_s26_the_event_is_a_cloudevent_with_the_facts(sending: Any, receiver: Any) -> None:
    drain(sending.database, sending.settings, SystemClock())
    ((headers, event),) = receiver.messages
    assert headers["content-type"] == "application/cloudevents+json"
    assert headers["webhook-id"] == event["id"]
    assert (event["specversion"], event["type"], event["tenant"]) == ("1.0", "opsspine.incident.opened", "acme")
    assert event["data"]["incident"] == str(sending.incident.id)
    assert event["data"]["severity_label"] == "high"


def test_s26_a_receiver_that_is_busy_says_when_to_return(sending: Any) -> None:
    from datetime import UTC, datetime

    from tasks.notifiers.webhook import retry_after

    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert retry_after("7", now) == timedelta(seconds=7)
    assert retry_after("Sun, 01 Mar 2026 12:01:00 GMT", now) == timedelta(seconds=60)
    assert retry_after("Sun, 01 Mar 2026 11:00:00 GMT", now) == timedelta(0)
    assert retry_after("soon", now) is None
