"""docs/slack.md: its manifests are the ones the code means, and ask Slack for exactly what the handlers take."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from gateway.slack_manifest import BOT_SCOPES, manifest
from spine.prompt import COMMAND, HOME_OPENED
from spine.settings.slack import SlackSettings

PAGE = Path(__file__).parents[2] / "docs" / "slack.md"
_NEEDS = {
    "chat_postMessage": "chat:write", "chat_update": "chat:write", "conversations_history": "channels:history",
    "conversations_replies": "channels:history", "views_open": None, "views_update": None, "views_publish": None,
}  # fmt: skip
"""Methods of the Web API and the scope each needs. Source: Slack's reference of its methods."""


def _written() -> dict[bool, Any]:
    found = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)]
    return {one["settings"]["socket_mode_enabled"]: one for one in found}


@pytest.mark.parametrize("socket_mode", [True, False], ids=["socket-mode", "http"])
def test_the_page_bears_the_manifest_of_the_code(socket_mode: bool) -> None:
    """When this fails: yaml.safe_dump(manifest(socket_mode=…), sort_keys=False) is what belongs there."""
    assert _written()[socket_mode] == manifest(socket_mode=socket_mode)


def test_everything_it_announces_is_handled_at_the_address_it_announces(slack_case: Any) -> None:
    meant = manifest(socket_mode=False, url=slack_case.slack.app_url)
    (command,) = meant["features"]["slash_commands"]
    assert command["command"] == COMMAND
    assert urlsplit(command["url"]).path == "/slack/commands"
    assert "/opsspine ack INCIDENT" in str(slack_case.type("help", "U1")["body"])
    assert urlsplit(meant["settings"]["interactivity"]["request_url"]).path == "/slack/interactivity"
    events = meant["settings"]["event_subscriptions"]
    assert (urlsplit(events["request_url"]).path, events["bot_events"]) == ("/slack/events", [HOME_OPENED])
    slack_case.open_home("U1")
    assert slack_case.show_homes() == 1


def test_by_socket_mode_slack_is_given_no_address() -> None:
    assert "http" not in str(manifest(socket_mode=True))


def test_it_asks_for_the_scopes_of_the_methods_that_are_called_and_says_why() -> None:
    root = Path(__file__).parents[2]
    files = [
        *(root / "tasks/slack").glob("*.py"),
        root / "tasks/notifiers/slack.py",
        *(root / "gateway").glob("slack*.py"),
    ]
    called = set(
        re.findall(r"\.((?:chat|views|conversations|users)_[a-zA-Z]+)\(", "".join(f.read_text() for f in files))
    )
    assert called == set(_NEEDS)
    assert {scope for scope in _NEEDS.values() if scope} <= set(BOT_SCOPES)
    page = PAGE.read_text()
    assert [scope for scope in BOT_SCOPES if f"`{scope}`" not in page] == []


def test_every_setting_of_slack_stands_on_the_page() -> None:
    page = PAGE.read_text()
    assert [name for name in SlackSettings.model_fields if f"OPSSPINE_SLACK__{name.upper()}" not in page] == []


def test_slacks_own_limits_hold_for_the_manifest() -> None:
    meant = manifest(socket_mode=True)
    assert len(meant["display_information"]["name"]) <= 35
    assert len(meant["display_information"]["description"]) <= 140
    assert len(meant["features"]["slash_commands"][0]["description"]) <= 2000
