"""Socket Mode as a process: it needs no port, takes what people do, and ends when it is asked to."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployments.slack_socket import COMPONENT
from deployments.supervisor import residents
from spine.approval import ApprovalStatus
from spine.clock import SystemClock
from spine.prompt import DENY
from spine.settings import Settings, SlackSettings
from store.heartbeats import beats

_PATIENCE_SECONDS = 60


@pytest.fixture
def process(slack_case: Any, database_url: str, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The process, with its connections made."""
    slack_case.slack.socket_mode = True
    environment = {
        **os.environ, **slack_case.slack.settings(), "DATABASE_URL": database_url, "OPSSPINE_DATA_DIR": str(tmp_path),
        "OPSSPINE_SECRET_KEY": slack_case.case.settings.secret_key.get_secret_value(),
    }  # fmt: skip
    started = subprocess.Popen([sys.executable, "-m", "deployments.slack_socket"], env=environment)
    end = time.monotonic() + _PATIENCE_SECONDS
    while len(slack_case.slack.links) < 2:
        assert started.poll() is None
        assert time.monotonic() < end, "it did not connect"
        time.sleep(0.1)
    yield started
    started.kill()
    started.wait(10)


def test_it_decides_shows_that_it_lives_and_ends_when_asked(slack_case: Any, process: subprocess.Popen[bytes]) -> None:
    case = slack_case.case
    case.clock.advance(SystemClock().now() - case.clock.now())  # the process has the machine's clock
    case.decision = case.plan("now")
    approval = case.ask()
    case.slack(case.person("ana"), "U1")
    slack_case.relay()
    assert slack_case.click("U1", DENY)["status"] == 200
    assert case.get(approval).status is ApprovalStatus.DENIED
    end = time.monotonic() + _PATIENCE_SECONDS
    connections = None
    while connections != 2:
        assert time.monotonic() < end, "it shows no sign of life"
        with case.database.system() as connection:
            connections = beats(connection).get(COMPONENT, (None, {}))[1].get("connections")
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert slack_case.slack.links == []


def test_without_its_tokens_it_says_what_is_missing(database_url: str, tmp_path: Path) -> None:
    environment = {**os.environ, "DATABASE_URL": database_url, "OPSSPINE_DATA_DIR": str(tmp_path)}
    done = subprocess.run(  # noqa: PLW1510 - the exit code is what is tested
        [sys.executable, "-m", "deployments.slack_socket"], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "OPSSPINE_SLACK__APP_TOKEN" in done.stderr


def test_the_supervisor_starts_it_only_where_it_is_set_up() -> None:
    assert COMPONENT not in residents(Settings(slack=SlackSettings(bot_token="xoxb-1", signing_secret="s")))
    assert residents(Settings(slack=SlackSettings(bot_token="xoxb-1", app_token="xapp-1")))[COMPONENT] == (
        "deployments.slack_socket"
    )
