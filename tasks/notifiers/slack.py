"""Slack: one thread an incident. Its first message and its questions are edited as things move; news are replies."""

from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from spine.message import Message
from spine.notification import Receipt
from spine.prompt import EVENT_TYPE
from spine.settings import SlackSettings
from tasks.notifiers import Ports
from tasks.slack.client import AWAY, classified, client
from tasks.slack.page import blocks, fallback

_UPDATE_GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
_HISTORY = 100
EDITS = "chat.update"
"""The lane of edits: Slack limits them apart from new messages."""

__all__ = ["EDITS", "blocks", "send"]


def send(message: Message, ports: Ports) -> Receipt:
    """Post the message, or bring the one it replaces up to date."""
    settings = ports.settings.slack
    web = client(settings)
    content: dict[str, Any] = {"text": fallback(message), "blocks": blocks(message)}
    if message.replaces and (edited := _edit(web, message.replaces, content)):
        return edited
    try:
        return _post(web, message, settings, content)
    except AWAY as error:
        raise classified(error) from error


def _edit(web: WebClient, where: dict[str, Any], content: dict[str, Any]) -> Receipt | None:
    """None = somebody deleted the message: what it would say is posted anew."""
    try:
        web.chat_update(channel=where["channel"], ts=where["ts"], **content)
    except SlackApiError as error:
        if error.response.get("error") in _UPDATE_GONE:
            return None
        raise classified(error, EDITS) from error
    except AWAY as error:
        raise classified(error) from error
    return Receipt({"channel": where["channel"], "ts": where["ts"]})


def _post(web: WebClient, message: Message, settings: SlackSettings, content: dict[str, Any]) -> Receipt:
    thread = message.follows["ts"] if message.follows else None
    if message.look_in is not None:
        known = (message.follows or message.look_in).get("channel", settings.channel)
        if found := _posted_before(web, message, known, thread):
            return found
    posted = web.chat_postMessage(
        channel=message.follows["channel"] if message.follows else settings.channel,
        metadata={"event_type": EVENT_TYPE, "event_payload": {"id": str(message.id)}},
        thread_ts=thread,
        reply_broadcast=True if thread and message.broadcast else None,
        unfurl_links=False,
        unfurl_media=False,
        **content,
    )
    return Receipt({"channel": posted["channel"], "ts": posted["ts"]})


def _posted_before(web: WebClient, message: Message, channel: str, thread: str | None) -> Receipt | None:
    """Where an earlier delivery put this message, if it got as far as Slack before its relay died.

    Needs the channel's id (from the settings, or from an earlier receipt) and the scope to read its history;
    without them the message may appear twice.
    """
    oldest = str(message.at.timestamp() - 60)
    try:
        if thread is not None:
            history = web.conversations_replies(
                channel=channel, ts=thread, oldest=oldest, limit=_HISTORY, include_all_metadata=True
            )
        else:
            history = web.conversations_history(
                channel=channel, oldest=oldest, limit=_HISTORY, include_all_metadata=True
            )
    except SlackApiError as error:
        if error.response.status_code == 429:
            raise
        return None
    messages: list[dict[str, Any]] = history.get("messages") or []
    for posted in messages:
        if posted.get("metadata", {}).get("event_payload", {}).get("id") == str(message.id):
            return Receipt({"channel": channel, "ts": posted["ts"]})
    return None
