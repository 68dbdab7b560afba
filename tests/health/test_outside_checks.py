"""Checks of what is outside: a real mail server and a double of Slack are asked, and sent nothing."""

import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from pydantic import SecretStr

from spine.clock import ManualClock
from spine.health import Reading, Status
from store.heartbeats import beat
from store.standings import standings
from tasks.checking import check_once
from tasks.checks import Ports

Ask = Callable[..., Reading]
NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


class _Quiet:
    """Takes no mail: it only counts what was asked."""

    def __init__(self) -> None:
        self.noops = 0

    async def handle_NOOP(self, *_: Any) -> str:
        self.noops += 1
        return "250 OK"


def test_a_mail_server_is_asked_and_sent_nothing(ask: Ask, ports: Ports) -> None:
    assert ask("smtp").said == "not configured"
    handler = _Quiet()
    server = Controller(handler, hostname="127.0.0.1", port=_free())
    server.start()
    ports.settings.smtp.host, ports.settings.smtp.port, ports.settings.smtp.starttls = "127.0.0.1", server.port, False
    assert ask("smtp").status is Status.PASS
    assert handler.noops == 1
    server.stop()
    assert ask("smtp").status is Status.WARN
    ports.settings.smtp.host, ports.settings.notify.mode = None, ["email"]
    assert ask("smtp").status is Status.WARN


def _free() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


@pytest.fixture
def slack(ports: Ports, serve: Callable[[Any], str]) -> list[dict[str, Any]]:
    """A Slack that answers auth.test with the last of these."""
    from fastapi import FastAPI, Request

    answers: list[dict[str, Any]] = [{"ok": True, "team": "Ops"}]
    app = FastAPI()

    @app.post("/api/auth.test")
    async def auth_test(request: Request) -> dict[str, Any]:
        assert request.headers["authorization"] == "Bearer xoxb-token"
        return answers[-1]

    ports.settings.slack.base_url = serve(app)
    ports.settings.slack.bot_token = SecretStr("xoxb-token")
    return answers


def test_slack_knows_us_refuses_us_or_is_gone_and_is_never_more_than_a_warning(
    ask: Ask, ports: Ports, slack: list[dict[str, Any]]
) -> None:
    assert ask("slack").said == "it knows us in Ops"
    slack.append({"ok": False, "error": "token_revoked"})
    reading = ask("slack")
    assert (reading.status, "token_revoked" in reading.said) == (Status.WARN, True)
    ports.settings.slack.base_url = "http://127.0.0.1:9"
    reading = ask("slack")
    assert (reading.status, "xoxb" in reading.said) == (Status.WARN, False)


def test_socket_mode_is_looked_at_where_it_is_set_up(ask: Ask, ports: Ports, clock: ManualClock) -> None:
    assert "not configured" in ask("slack_socket").said
    ports.settings.slack.app_token = SecretStr("xapp-token")
    assert (ask("slack_socket").status, ask("slack_socket").said) == (
        Status.WARN, "it was never heard of",
    )  # fmt: skip
    with ports.database.system() as connection:
        beat(connection, "slack", now=clock.now(), detail={"connections": 2})
    assert (ask("slack_socket").status, ask("slack_socket").observed) == (Status.PASS, 2)
    clock.advance(timedelta(seconds=40))
    assert ask("slack_socket").said == "nothing was heard of it for 40 s"
    with ports.database.system() as connection:
        beat(connection, "slack", now=clock.now(), detail={"connections": 0})
    assert "no connection" in ask("slack_socket").said


def test_slack_is_asked_at_most_every_few_minutes(
    ports: Ports, clock: ManualClock, slack: list[dict[str, Any]]
) -> None:
    def asked_at() -> datetime:
        check_once(ports.database, ports.settings, clock)
        with ports.database.system() as connection:
            return standings(connection)["slack"].at

    assert asked_at() == NOW
    clock.advance(timedelta(minutes=1))
    assert asked_at() == NOW
    clock.advance(timedelta(minutes=4))
    assert asked_at() == NOW + timedelta(minutes=5)
