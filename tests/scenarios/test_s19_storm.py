"""Scenario 19, at the outbox: a thousand tenants at once while Slack answers 429."""

from datetime import timedelta
from typing import Any

from sqlalchemy import text

from deployments.demo.fake_slack.workspace import Fault
from spine.ids import TenantId
from spine.notification import Topic
from spine.severity import Severity
from store import briefing, outbox, storm

TENANTS, CRITICALS = 200, 3


def _storm(slack_case: Any, start: int, number: int, severity: Severity) -> None:
    case = slack_case.case
    with case.database.system() as connection:
        for n in range(start, start + number):
            outbox.put(
                connection, TenantId(f"tenant-{n}"), Topic.INCIDENT_OPENED, {"incident": str(case.incident.id)},
                severity=severity, incident_id=case.incident.id, dedupe=f"opened-{n}", now=case.clock.now(),
                channels=["slack"],
            )  # fmt: skip


def _kinds(slack_case: Any) -> list[str]:
    return ["digest" if "in a storm" in message["text"] else "single" for message in slack_case.messages()]


def test_s19_criticals_first_one_digest_and_nothing_dropped(slack_case: Any) -> None:
    case = slack_case.case
    slack_case.slack.faults["chat.postMessage"] = Fault(status=429, error="ratelimited", retry_after=5, times=2)
    _storm(slack_case, 0, TENANTS, Severity.MEDIUM)
    _storm(slack_case, 1000, CRITICALS, Severity.CRITICAL)
    for _ in range(3):
        slack_case.relay()
        case.clock.advance(timedelta(seconds=5))
    assert _kinds(slack_case) == ["single"] * CRITICALS + ["digest"]
    assert f"{TENANTS} messages" in slack_case.messages()[-1]["text"]
    with case.database.system() as connection:
        rows = connection.execute(
            text(
                "select status, count(*), count(folded_into) from outbox where topic <> 'digest' group by 1 order by 1"
            )
        )
        assert [tuple(row) for row in rows] == [("folded", TENANTS, TENANTS), ("sent", CRITICALS, 0)]


def test_s19_the_rest_of_the_storm_updates_the_same_digest(slack_case: Any) -> None:
    case = slack_case.case
    _storm(slack_case, 0, 50, Severity.MEDIUM)
    slack_case.relay()
    _storm(slack_case, 50, 50, Severity.HIGH)
    slack_case.relay()
    assert [message["versions"] for message in slack_case.messages()] == [1]
    case.clock.advance(timedelta(seconds=case.settings.notify.storm_seconds))
    slack_case.relay()
    (digest,) = slack_case.messages()
    assert digest["versions"] == 2
    assert "100 messages" in digest["text"]
    assert "[high] tenant-" in str(digest["blocks"])


def test_s19_approvals_are_never_folded(slack_case: Any) -> None:
    approval = slack_case.case.ask()
    _storm(slack_case, 0, 50, Severity.MEDIUM)
    slack_case.relay()
    assert {button["value"] for message in slack_case.messages() for button in message["buttons"]} == {str(approval.id)}


def test_s19_after_the_storm_messages_come_one_by_one_again(slack_case: Any) -> None:
    case = slack_case.case
    _storm(slack_case, 0, 50, Severity.MEDIUM)
    slack_case.relay()
    case.clock.advance(timedelta(minutes=5))
    _storm(slack_case, 50, 2, Severity.MEDIUM)
    slack_case.relay()
    assert _kinds(slack_case) == ["digest", "single", "single"]


def test_s19_a_storm_by_mail_is_one_mail_an_interval(slack_case: Any) -> None:
    """A mail cannot be brought up to date: what comes after the first digest waits for the next one."""
    case = slack_case.case
    for wave in range(3):
        with case.database.system() as connection:
            for n in range(30):
                outbox.put(
                    connection, case.tenant, Topic.INCIDENT_OPENED, {"incident": str(case.incident.id)},
                    severity=Severity.MEDIUM, incident_id=case.incident.id, dedupe=f"{wave}-{n}",
                    now=case.clock.now(), channels=["email"],
                )  # fmt: skip
            storm.fold(connection, "email", case.settings.notify, now=case.clock.now())
            digest = outbox.claim(connection, "email", now=case.clock.now(), lease=timedelta(seconds=1))
            assert (digest is not None) == (wave == 0)
            if digest:
                outbox.mark_sent(connection, digest.id, {}, now=case.clock.now())
        case.clock.advance(timedelta(seconds=10))
    case.clock.advance(timedelta(seconds=60))
    with case.database.system() as connection:
        later = outbox.claim(connection, "email", now=case.clock.now(), lease=timedelta(seconds=1))
        assert later is not None
        assert (later.topic, briefing.folded(connection, later.id, 100)[1]) == (Topic.DIGEST, 60)
