"""Slack: one message per notification; a prompt has buttons, and is updated in place when it is answered."""

from datetime import timedelta
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from spine.errors import Broken, Transient
from spine.message import Message, Section
from spine.notification import Deferred, Receipt
from spine.plain import slack
from spine.prompt import APPROVE, DENY, EVENT_TYPE
from spine.settings import SlackSettings
from tasks.notifiers import Ports

_SECONDS = 10
_TITLE, _SECTION, _FALLBACK = 150, 3000, 3000
"""Slack's limits: header 150, section text 3000; the fallback text only feeds notifications."""
_OUR_FAULT = frozenset(
    {"invalid_blocks", "invalid_blocks_format", "msg_too_long", "no_text", "invalid_metadata_format"}
)
_UPDATE_GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
_HISTORY = 100


def send(message: Message, ports: Ports) -> Receipt:
    """Post the message, or bring the one it replaces up to date."""
    settings = ports.settings.slack
    if settings.bot_token is None:
        raise Deferred("Slack is not set up: set OPSSPINE_SLACK__BOT_TOKEN and OPSSPINE_SLACK__SIGNING_SECRET.")
    client = WebClient(
        token=settings.bot_token.get_secret_value(),
        base_url=f"{settings.base_url.rstrip('/')}/api/",
        timeout=_SECONDS,
        retry_handlers=[],
    )
    try:
        return _deliver(client, message, settings)
    except SlackApiError as error:
        raise _classified(error) from error
    except (SlackClientError, OSError) as error:
        raise Deferred(f"Slack cannot be reached: {type(error).__name__}: {error}") from error


def blocks(message: Message) -> list[dict[str, Any]]:
    """The message in Block Kit. Everything that may hold text from outside is a plain_text object, escaped."""
    made = [{"type": "header", "text": _plain(message.title, _TITLE)}, _section(message.headline)]
    if message.question and message.question.verdict:
        made.append(_section(message.question.verdict))
    for section in message.sections:
        made += _titled(section)
    if message.question and message.question.open:
        made.append(_buttons(str(message.question.approval)))
    elif message.link:
        made.append({"type": "context", "elements": [_plain(message.link, 300)]})
    return made


def _deliver(client: WebClient, message: Message, settings: SlackSettings) -> Receipt:
    content: dict[str, Any] = {
        "text": slack(f"{message.title}. {message.headline}", _FALLBACK),
        "blocks": blocks(message),
    }
    if message.replaces:
        where = message.replaces
        try:
            client.chat_update(channel=where["channel"], ts=where["ts"], **content)
            return Receipt({"channel": where["channel"], "ts": where["ts"]})
        except SlackApiError as error:
            if error.response.get("error") not in _UPDATE_GONE:
                raise  # somebody deleted the message: what it would say is posted anew
    if message.look_in is not None:
        known = message.look_in.get("channel", settings.channel)
        if found := _posted_before(client, message, known):
            return found
    thread = message.follows["ts"] if message.follows else None
    posted = client.chat_postMessage(
        channel=settings.channel,
        metadata={"event_type": EVENT_TYPE, "event_payload": {"id": str(message.id)}},
        thread_ts=thread,
        unfurl_links=False,
        unfurl_media=False,
        **content,
    )
    return Receipt({"channel": posted["channel"], "ts": posted["ts"]})


def _posted_before(client: WebClient, message: Message, channel: str) -> Receipt | None:
    """Where an earlier delivery put this message, if it got as far as Slack before its relay died.

    Needs the channel's id (from the settings, or from an earlier receipt) and the scope to read its history;
    without them the message may appear twice.
    """
    try:
        history = client.conversations_history(
            channel=channel, oldest=str(message.at.timestamp() - 60), limit=_HISTORY, include_all_metadata=True
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


def _classified(error: SlackApiError) -> Exception:
    response = error.response
    name = str(response.get("error", ""))
    if response.status_code == 429 or name == "ratelimited":
        seconds = response.headers.get("Retry-After", response.headers.get("retry-after", "1"))
        return Deferred("Slack asks for patience (429)", retry_after=timedelta(seconds=int(seconds)))
    if name in _OUR_FAULT:
        return Broken(f"Slack does not take this message: {name} {response.get('response_metadata', '')}")
    if response.status_code >= 500:
        return Deferred(f"Slack answered {response.status_code}")
    if name in ("internal_error", "fatal_error", "request_timeout", "service_unavailable"):
        return Transient(f"Slack had an error: {name}")
    return Deferred(f"Slack refuses ({name or response.status_code}): check the token, its scopes and the channel")


def _plain(text: str, limit: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": slack(text, limit) or " ", "emoji": False}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _plain(text, _SECTION)}


def _titled(section: Section) -> list[dict[str, Any]]:
    title = {"type": "section", "text": {"type": "mrkdwn", "text": f"*{section.title}*"}}
    return [title, _section("\n".join(section.lines))]


def _buttons(approval: str) -> dict[str, Any]:
    def button(action: str, label: str, style: str) -> dict[str, Any]:
        text = {"type": "plain_text", "text": label}
        return {"type": "button", "action_id": action, "text": text, "value": approval, "style": style}

    buttons = [button(APPROVE, "Approve", "primary"), button(DENY, "Deny", "danger")]
    return {"type": "actions", "block_id": f"decide:{approval}", "elements": buttons}
