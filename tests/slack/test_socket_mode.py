"""Socket Mode: the same handlers over a connection that Slack ends, repeats itself on, and lets break."""

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.app import create_app
from gateway.context import context_of_app
from gateway.slack_socket import serve
from spine.approval import ApprovalStatus
from spine.prompt import DENY

_PATIENCE_SECONDS = 20


def until(holds: Any) -> None:
    """Wait until something is so."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)


class Resident:
    """The Socket Mode part on a loop of its own, as its process has it."""

    def __init__(self, case: Any) -> None:
        self.held: list[int] = []

        async def wake(approval: Any) -> None:
            case.woken.append(approval)

        app = create_app(case.case.settings, case.case.database, clock=case.case.clock, wake=wake)
        context = context_of_app(app)
        self._loop = asyncio.new_event_loop()

        async def told(held: int) -> None:
            self.held.append(held)

        async def run() -> None:
            self._task = asyncio.current_task()
            await serve(context, told)

        def play() -> None:
            try:
                self._loop.run_until_complete(run())
            except asyncio.CancelledError:
                pass
            finally:
                self._loop.run_until_complete(self._loop.shutdown_asyncgens())
                self._loop.close()

        self._thread = threading.Thread(target=play, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """End it, as SIGTERM does."""
        until(lambda: hasattr(self, "_task"))
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(15)
        assert not self._thread.is_alive()


@pytest.fixture
def connected(slack_case: Any) -> Iterator[Any]:
    """A spine that reaches Slack by Socket Mode alone: no signing secret, nothing comes in over HTTP."""
    slack_case.slack.socket_mode, slack_case.slack.app_url = True, ""
    slack = slack_case.case.settings.slack
    slack_case.case.settings.slack = slack.model_copy(
        update={"signing_secret": None, "app_token": type(slack.bot_token)(slack_case.slack.app_token)}
    )
    slack_case.resident = Resident(slack_case)
    until(lambda: len(slack_case.slack.links) == 2)
    yield slack_case
    slack_case.resident.end()


@pytest.fixture
def asked(connected: Any) -> Any:
    """A posted prompt that ana (U1) may answer."""
    connected.approval = connected.case.ask()
    connected.ana = connected.case.slack(connected.case.person("ana"), "U1")
    connected.relay()
    return connected


def test_a_click_and_its_form_decide_as_they_do_over_http(asked: Any) -> None:
    clicked = asked.click("U1")
    assert (clicked["status"], clicked["in_time"]) == (200, True)
    wrong = asked.submit(clicked, "U1", "000000")
    assert wrong["body"]["response_action"] == "errors"
    assert "not accepted" in wrong["errors"]["code"]
    done = asked.submit(clicked, "U1", asked.case.code(asked.ana), "seen")
    assert (done["status"], done["errors"]) == (200, {})
    assert asked.case.get(asked.approval).status is ApprovalStatus.APPROVED
    until(lambda: asked.woken == [asked.approval.id])


def test_a_command_is_answered_through_the_connection(asked: Any) -> None:
    answer = asked.type("status", "U1")
    assert str(asked.approval.id) in answer["body"]["blocks"][0]["text"]["text"]


def test_nothing_of_slack_is_served_over_http(connected: Any) -> None:
    app = create_app(connected.case.settings, connected.case.database, clock=connected.case.clock)
    assert [route.path for route in app.routes if getattr(route, "path", "").startswith("/slack")] == []


def test_s03_a_click_delivered_again_is_one_decision(asked: Any) -> None:
    assert asked.click("U1", DENY, repeat=3)["status"] == 200
    assert [action for action, _, _ in asked.case.audited()].count("approval.decided") == 1


def test_a_lost_acknowledgement_changes_nothing_of_the_decision(asked: Any) -> None:
    for link in asked.slack.links:
        link.deaf = True
    assert asked.click("U1", DENY)["in_time"] is False
    assert asked.case.get(asked.approval).status is ApprovalStatus.DENIED
    for link in asked.slack.links:
        link.deaf = False
    payload = asked.slack.command_payload("status", "U1")
    assert payload["command"] == "/opsspine"
    assert asked.type("status", "U1")["in_time"]


@pytest.mark.parametrize("reason", ["refresh_requested", "warning", None], ids=["refresh", "warning", "breaks"])
def test_a_connection_that_slack_ends_is_made_anew_and_clicks_go_on(asked: Any, reason: str | None) -> None:
    before = list(asked.slack.links)
    assert asked._control("disconnect", {"reason": reason}) == {"ended": 2}
    until(lambda: len(asked.slack.links) == 2 and not set(before) & set(asked.slack.links))
    assert asked.click("U1", DENY)["status"] == 200
    assert asked.case.get(asked.approval).status is ApprovalStatus.DENIED


def test_while_one_connection_is_made_anew_the_other_hears(asked: Any) -> None:
    asked.slack.faults["apps.connections.open"] = _away()
    link = asked.slack.links[-1]
    asyncio.run_coroutine_threadsafe(link.drop(), asked.slack.loop).result(5)
    until(lambda: len(asked.slack.links) == 1)
    assert asked.click("U1", DENY)["status"] == 200
    assert asked.case.get(asked.approval).status is ApprovalStatus.DENIED


def test_s45_slack_that_was_away_is_connected_to_again_when_it_is_back(asked: Any) -> None:
    asked.slack.down = True
    asked._control("disconnect", {"reason": None})
    until(lambda: asked.resident.held[-1] == 0)
    asked.slack.down = False
    until(lambda: len(asked.slack.links) == 2)
    assert asked.click("U1", DENY)["status"] == 200


def _away() -> Any:
    from deployments.demo.fake_slack.workspace import Fault

    return Fault(error="internal_error")
