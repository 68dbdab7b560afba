"""`opsspine outbox`: what was given up is seen, and can be tried again."""

from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from deployments.cli import app
from spine.ids import TenantId
from spine.notification import Topic
from spine.severity import Severity
from store import outbox
from store.engine import Database


def test_a_message_that_was_given_up_is_listed_and_retried(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("COLUMNS", "250")
    now = datetime.now(UTC)
    with database.system() as connection:
        outbox.put(
            connection, TenantId("acme"), Topic.INCIDENT_OPENED, {}, severity=Severity.HIGH, incident_id=None,
            dedupe="a", now=now, channels=["slack"],
        )  # fmt: skip
        row = outbox.claim(connection, "slack", now=now, lease=timedelta(seconds=60))
        assert row is not None
        outbox.fail(connection, row.id, "Slack does not take this message")
        outbox.hold(connection, "slack", "Slack answered 503", now=now)
    listed = CliRunner().invoke(app, ["outbox", "list"])
    assert listed.exit_code == 0, listed.output
    assert "Slack does not take this message" in listed.output
    assert "slack does not work: Slack answered 503" in listed.output
    assert "0 wait, 1 were given up." in listed.output
    assert "1 messages are tried again." in CliRunner().invoke(app, ["outbox", "retry", str(row.id)]).output
    assert "1 wait, 0 were given up." in CliRunner().invoke(app, ["outbox", "list"]).output
