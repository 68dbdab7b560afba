"""Slack: whether it knows our token. Asked seldom, for its limits are for messages."""

from datetime import timedelta

import httpx

from spine.health import Reading, Status, well
from spine.settings import Settings
from tasks.checks import Check, Ports

_MEANS = "Nobody is told or asked in Slack; the other channels, the console and the command line work on."


def ask(ports: Ports) -> Reading:
    """auth.test with the bot's token."""
    slack = ports.settings.slack
    if slack.bot_token is None:
        return _unset(ports.settings)
    url = f"{slack.base_url}/api/auth.test"
    headers = {"Authorization": f"Bearer {slack.bot_token.get_secret_value()}"}
    try:
        answer = httpx.post(url, headers=headers, timeout=ports.settings.health.timeout_seconds)
        said = answer.json() if answer.status_code == 200 else {"ok": False, "error": f"HTTP {answer.status_code}"}
    except (httpx.HTTPError, ValueError) as error:
        return _ill(f"{slack.base_url} cannot be reached ({type(error).__name__})", "What waits is told once it works.")
    if not (isinstance(said, dict) and said.get("ok") is True):
        why = str(said.get("error", "no answer")) if isinstance(said, dict) else "no answer we know"
        return _ill(f"it refuses our token: {why}"[:200], "Give it a token that works: OPSSPINE_SLACK__BOT_TOKEN.")
    return well(f"it knows us in {str(said.get('team', 'its workspace'))[:80]}")


def _unset(settings: Settings) -> Reading:
    if "slack" not in settings.notify.mode:
        return well("not configured")
    return _ill("not configured, though OPSSPINE_NOTIFY__MODE names it", "Set OPSSPINE_SLACK__BOT_TOKEN.")


def _ill(said: str, do: str) -> Reading:
    return Reading(status=Status.WARN, said=said, means=_MEANS, do=do)


def _every(settings: Settings) -> timedelta:
    return timedelta(minutes=settings.health.slack_minutes)


CHECK = Check(
    key="slack", ask=ask, comfort=True, every=_every, means=_MEANS,
    do="See whether this machine reaches Slack. What waits is told once it works.",
)  # fmt: skip
