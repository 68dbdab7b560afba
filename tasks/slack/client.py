"""The Web API: one client, and what its errors mean for what was to be delivered."""

from datetime import timedelta

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from spine.errors import Broken, Transient
from spine.notification import Deferred
from spine.settings import SlackSettings

_SECONDS = 10
_OUR_FAULT = frozenset(
    {
        "invalid_blocks", "invalid_blocks_format", "msg_too_long", "no_text", "invalid_metadata_format",
        "invalid_arguments",
    }
)  # fmt: skip
_PASSING = frozenset({"internal_error", "fatal_error", "request_timeout", "service_unavailable"})
AWAY = (SlackClientError, OSError)
"""Raised where Slack cannot be reached, or does not answer as Slack does."""


def client(settings: SlackSettings) -> WebClient:
    """The Web API by our token.

    Raises:
        Deferred: Slack is not set up.
    """
    if settings.bot_token is None:
        raise Deferred("Slack is not set up: set OPSSPINE_SLACK__BOT_TOKEN; docs/slack.md tells how.")
    return WebClient(
        token=settings.bot_token.get_secret_value(), base_url=f"{settings.base_url.rstrip('/')}/api/",
        timeout=_SECONDS, retry_handlers=[],
    )  # fmt: skip


def classified(error: Exception, lane: str = "") -> Exception:
    """What an error of Slack means. `lane`: the method's own, where a limit on it holds up nothing else."""
    if not isinstance(error, SlackApiError):
        return Deferred(f"Slack cannot be reached: {type(error).__name__}: {error}")
    response = error.response
    name = str(response.get("error", ""))
    if response.status_code == 429 or name == "ratelimited":
        seconds = response.headers.get("Retry-After", response.headers.get("retry-after", "1"))
        said = f"Slack asks for patience (429){f' with {lane}' if lane else ''}"
        return Deferred(said, retry_after=timedelta(seconds=int(seconds)), lane=lane, unsent=True)
    if name in _OUR_FAULT:
        return Broken(f"Slack does not take this message: {name} {response.get('response_metadata', '')}")
    if response.status_code >= 500:
        return Deferred(f"Slack answered {response.status_code}")
    if name in _PASSING:
        return Transient(f"Slack had an error: {name}")
    return Deferred(f"Slack refuses ({name or response.status_code}): check the token, its scopes and the channel")
