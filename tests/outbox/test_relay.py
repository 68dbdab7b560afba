"""The relay: nothing is lost or silently dropped, whatever the other side answers."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from deployments.demo.fake_slack.workspace import Fault
from spine.notification import Topic
from spine.severity import Severity
from store import outbox
from store.health import outbox_state


@pytest.fixture
def told(slack_case: Any) -> Any:
    """A case that can write news of its incident."""

    def tell(
        dedupe: str = "a", *, topic: Topic = Topic.INCIDENT_OPENED, severity: Severity = Severity.MEDIUM,
        channels: tuple[str, ...] = ("slack",), **payload: Any,
    ) -> None:  # fmt: skip
        case = slack_case.case
        with case.database.system() as connection:
            outbox.put(
                connection, case.tenant, topic, {"incident": str(case.incident.id), **payload}, severity=severity,
                incident_id=case.incident.id, dedupe=dedupe, now=case.clock.now(), channels=channels,
            )  # fmt: skip

    slack_case.tell = tell
    return slack_case


def _row(told: Any) -> Any:
    with told.case.database.system() as connection:
        return connection.execute(text("select * from outbox order by created_at, id limit 1")).one()


def _posts(told: Any) -> int:
    return [method for method, _ in told.slack.calls].count("chat.postMessage")


def test_news_is_delivered_once_with_its_receipt_and_audited(told: Any) -> None:
    told.tell()
    assert (told.relay(), told.relay()) == (1, 0)
    row = _row(told)
    assert (row.status, row.attempts, row.receipt["channel"]) == ("sent", 1, "C0OPS")
    assert ("notification.sent", "relay", "ok") in told.case.audited()


def test_later_news_of_an_incident_follows_under_the_first(told: Any) -> None:
    told.tell("a")
    told.relay()
    told.tell("b", topic=Topic.INCIDENT_ESCALATED, reason="nobody answered")
    told.relay()
    first, second = told.messages()
    assert second["thread_ts"] == first["ts"]
    assert "nobody answered" in str(second["blocks"])


def test_retry_after_is_honoured_by_the_whole_channel_and_costs_no_attempt(told: Any) -> None:
    told.slack.faults["chat.postMessage"] = Fault(status=429, error="ratelimited", retry_after=30, times=1)
    told.tell("a")
    assert told.relay() == 0
    told.tell("b", severity=Severity.CRITICAL)
    told.case.clock.advance(timedelta(seconds=29))
    assert (told.relay(), _posts(told)) == (0, 1)
    told.case.clock.advance(timedelta(seconds=1))
    assert told.relay() == 2
    with told.case.database.system() as connection:
        order = connection.execute(text("select receipt ->> 'ts', severity, attempts from outbox order by 1")).all()
    assert [(row.severity, row.attempts) for row in order] == [(3, 1), (1, 1)]


def test_what_slack_did_not_take_is_not_looked_for_in_its_history(told: Any) -> None:
    """In a storm such looks would use up a limit of their own."""
    told.slack.faults["chat.postMessage"] = Fault(status=429, error="ratelimited", retry_after=1, times=3)
    told.tell("a")
    for _ in range(4):
        told.relay()
        told.case.clock.advance(timedelta(seconds=1))
    assert [method for method, _ in told.slack.calls] == ["chat.postMessage"] * 4
    assert len(told.messages()) == 1


def test_a_message_that_keeps_failing_is_given_up_visibly_after_its_attempts(told: Any) -> None:
    told.case.settings.notify.max_attempts = 3
    told.slack.faults["chat.postMessage"] = Fault(error="internal_error")
    told.tell()
    waits = []
    for _ in range(3):
        assert told.relay() == 0
        row = _row(told)
        waits.append((row.next_attempt_at - told.case.clock.now()).total_seconds())
        told.case.clock.advance(timedelta(seconds=max(waits[-1], 0)))
    assert row.status == "failed"
    assert 1 <= waits[0] <= 2 <= waits[1] <= 4
    assert ("notification.sent", "relay", "failed") in told.case.audited()
    with told.case.database.system() as connection:
        state = outbox_state(connection, told.case.clock.now())
    assert (state.failed, state.pending) == (1, 0)
    assert "internal_error" in str(state.last_error)


def test_a_message_slack_will_never_take_is_given_up_at_once_and_stops_nothing_else(told: Any) -> None:
    told.slack.faults["chat.postMessage"] = Fault(error="invalid_blocks", times=1)
    told.tell("a", severity=Severity.CRITICAL)
    told.tell("b")
    assert told.relay() == 1
    assert sorted(status for _, status in told.statuses()) == ["failed", "sent"]


def test_news_of_what_does_not_exist_is_given_up(told: Any) -> None:
    told.tell(incident="00000000-0000-0000-0000-000000000000")
    assert told.relay() == 0
    assert _row(told).status == "failed"


def test_a_delivery_whose_relay_died_after_posting_is_not_posted_twice(told: Any) -> None:
    """As after SIGKILL between Slack's answer and our commit: the next relay finds the message in the history."""
    told.tell()
    told.relay()
    with told.case.database.system() as connection:
        connection.execute(
            text("update outbox set status = 'pending', locked_until = :t, receipt = null, sent_at = null"),
            {"t": told.case.clock.now()},
        )
    assert told.relay() == 1
    assert len(told.messages()) == 1
    assert _row(told).receipt["ts"] == told.messages()[0]["ts"]


def test_a_channel_that_is_not_set_up_waits_and_says_so(told: Any) -> None:
    told.tell(channels=("email", "webhook", "log"))
    assert told.relay() == 1
    with told.case.database.system() as connection:
        state = outbox_state(connection, told.case.clock.now())
    assert state.pending == 2
    assert "OPSSPINE_SMTP__HOST" in state.held["email"]
    assert "OPSSPINE_WEBHOOK__URL" in state.held["webhook"]


def test_a_channel_without_a_notifier_is_given_up_with_the_reason(told: Any) -> None:
    told.tell(channels=("pager",))
    assert told.relay() == 0
    assert "no notifier 'pager'" in _row(told).error
