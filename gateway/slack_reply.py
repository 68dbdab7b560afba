"""Answering in Slack: in time, whatever the database does, and to the one who asked only."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog
from slack_bolt.async_app import AsyncRespond
from slack_sdk.errors import SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from gateway.slack_view import Reply, notice_view, told
from spine.errors import Transient
from spine.person import PersonRef
from spine.plain import slack

_log = structlog.get_logger(__name__)
_TEXT = 3000
DATABASE_AWAY = (OperationalError, InterfaceError, PoolTimeout, Transient)
"""Raised where the database cannot be reached, or loses races: nothing was written."""
AWAY = "The database cannot be reached, so nothing was done. Try again in a minute."
Body = dict[str, Any]


class Errands:
    """What goes on after Slack has its answer. Kept here, so that it is not collected while it runs."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def later(self, work: Coroutine[Any, Any, Any], otherwise: str) -> None:
        """Do `work` soon; what fails is logged as `otherwise`, for what was decided stands whatever becomes of it."""
        self._start(_quietly(work, otherwise))

    async def within(self, seconds: float, work: Coroutine[Any, Any, None]) -> bool:
        """Do `work`; False when it takes longer than `seconds` and goes on by itself.

        Raises:
            What `work` raises in time. What it raises later is logged.
        """
        task = self._start(work)
        done, _ = await asyncio.wait({task}, timeout=seconds)
        if not done:
            task.add_done_callback(_log_failure)
            return False
        task.result()
        return True

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task


def account(body: Body) -> PersonRef:
    """Whose click, form, command or event it is, by team and user id: both are Slack's word, not the user's."""
    if "event" in body:
        return PersonRef.by_slack(body["team_id"], body["event"]["user"])
    if "command" in body:
        return PersonRef.by_slack(body["team_id"], body["user_id"])
    user = body["user"]
    return PersonRef.by_slack(user.get("team_id") or body["team"]["id"], user["id"])


async def say(body: Body, respond: AsyncRespond, client: AsyncWebClient, reply: Reply) -> None:
    """Tell the one who clicked, and nobody else. A click on the App Home is answered by a window."""
    if body.get("response_url"):
        text = slack(reply.said, _TEXT)
        await respond(text=text, blocks=told(reply), response_type="ephemeral", replace_original=False)
        return
    try:
        await client.views_open(trigger_id=body["trigger_id"], view=notice_view(reply))
    except (SlackClientError, OSError, TimeoutError) as error:
        _log.warning("somebody could not be told what came of their click", error=type(error).__name__)


async def _quietly(work: Coroutine[Any, Any, Any], otherwise: str) -> None:
    try:
        await work
    except Exception as error:
        _log.warning(otherwise, error=f"{type(error).__name__}: {error}")


def _log_failure(task: asyncio.Task[None]) -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        _log.warning("what took too long for Slack failed in the end", error=f"{type(error).__name__}: {error}")
