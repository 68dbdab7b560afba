"""The relay as a process: prompt, and indifferent to SIGKILL and to a restarted database."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from spine.notification import Topic
from spine.severity import Severity
from store import outbox

_PATIENCE_SECONDS = 30


@pytest.fixture
def relay(slack_case: Any, database_url: str) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts a relay; all are ended with the test."""
    started: list[subprocess.Popen[bytes]] = []
    environment = {
        **os.environ, **slack_case.slack.settings(), "DATABASE_URL": database_url, "OPSSPINE_NOTIFY__MODE": '["slack"]',
        "OPSSPINE_NOTIFY__STORM_COUNT": "1000",
    }  # fmt: skip

    def start() -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([sys.executable, "-m", "deployments.relay"], env=environment))
        return started[-1]

    yield start
    for process in started:
        process.terminate()
    assert {process.wait(10) for process in started} <= {0, -signal.SIGKILL}


def _tell(slack_case: Any, dedupe: str) -> None:
    case = slack_case.case
    with case.database.system() as connection:
        outbox.put(
            connection, case.tenant, Topic.INCIDENT_UPDATED, {"incident": str(case.incident.id)},
            severity=Severity.MEDIUM, incident_id=None, dedupe=dedupe, now=datetime.now(UTC), channels=["slack"],
        )  # fmt: skip


def _until(holds: Callable[[], bool]) -> float:
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < _PATIENCE_SECONDS, "it did not happen"
        time.sleep(0.02)
    return time.monotonic() - began


def _alive(slack_case: Any) -> bool:
    with slack_case.case.database.system() as connection:
        return bool(connection.execute(text("select count(*) from heartbeats where component = 'relay'")).scalar_one())


def test_news_is_delivered_as_soon_as_it_is_committed(slack_case: Any, relay: Any) -> None:
    relay()
    _until(lambda: _alive(slack_case))
    seconds = []
    for number in range(5):
        _tell(slack_case, f"n{number}")
        seconds.append(_until(lambda number=number: len(slack_case.slack.messages) > number))  # type: ignore[misc]
    assert sorted(seconds)[-1] < 2


def test_a_killed_relay_loses_and_doubles_nothing(slack_case: Any, relay: Any) -> None:
    first = relay()
    _until(lambda: _alive(slack_case))
    for number in range(30):
        _tell(slack_case, f"n{number}")
    _until(lambda: len(slack_case.slack.messages) >= 5)
    first.kill()
    relay()
    _until(lambda: {status for _, status in slack_case.statuses()} == {"sent"})
    ids = [message["metadata"]["event_payload"]["id"] for message in slack_case.slack.messages]
    assert (len(ids), len(set(ids))) == (30, 30)


def test_a_relay_outlives_its_database_connections(slack_case: Any, relay: Any, database_url: str) -> None:
    relay()
    _until(lambda: _alive(slack_case))
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
    slack_case.case.database.close()
    _tell(slack_case, "after")
    _until(lambda: len(slack_case.slack.messages) == 1)
