"""The manifest by which Slack makes the app: what it may do, and where its words go. docs/slack.md bears it."""

from typing import Any

from spine.prompt import COMMAND, HOME_OPENED

BOT_SCOPES = {
    "chat:write": "posts incidents and keeps their messages current",
    "chat:write.public": "posts in public channels that nobody has invited it to",
    "channels:history": "finds its own message again after a crash, instead of posting it twice (public channels)",
    "groups:history": "the same in private channels",
    "commands": "/opsspine",
}
"""What the bot's token may do, and why."""
PLACE = "https://opsspine.example.org"
"""Stands for the public address of the gateway."""


def manifest(*, socket_mode: bool, url: str = PLACE) -> dict[str, Any]:
    """The app's manifest; with Socket Mode Slack calls nobody, and no URL is in it."""
    command: dict[str, Any] = {
        "command": COMMAND,
        "description": "Incidents: status, ack, approve, drill, help",
        "usage_hint": "status [incident] | ack INCIDENT | approve INCIDENT | drill KIND",
        "should_escape": False,
    }
    interactivity: dict[str, Any] = {"is_enabled": True}
    events: dict[str, Any] = {"bot_events": [HOME_OPENED]}
    if not socket_mode:
        command["url"] = f"{url}/slack/commands"
        interactivity["request_url"] = f"{url}/slack/interactivity"
        events["request_url"] = f"{url}/slack/events"
    return {
        "display_information": {
            "name": "opsspine",
            "description": "Auth incidents: told, decided, followed to their end",
            "background_color": "#1f2937",
        },
        "features": {
            "app_home": {"home_tab_enabled": True, "messages_tab_enabled": False},
            "bot_user": {"display_name": "opsspine", "always_online": True},
            "slash_commands": [command],
        },
        "oauth_config": {"scopes": {"bot": list(BOT_SCOPES)}},
        "settings": {
            "event_subscriptions": events,
            "interactivity": interactivity,
            "org_deploy_enabled": False,
            "socket_mode_enabled": socket_mode,
            "token_rotation_enabled": False,
        },
    }
