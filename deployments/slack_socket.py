"""`python -m deployments.slack_socket`: hears what people do in Slack by Socket Mode, as a process of its own.

Started by the supervisor where `OPSSPINE_SLACK__APP_TOKEN` is set. It listens nowhere: it connects to Slack.
"""

import asyncio
import contextlib
import os
import signal

from starlette.concurrency import run_in_threadpool

from deployments.edge import application
from deployments.log import configure
from gateway.context import Context, context_of_app
from gateway.slack_socket import serve
from spine.errors import Refused
from spine.settings import Settings
from store.heartbeats import beat

COMPONENT = "slack"
"""Under which its signs of life stand, with how many connections hold."""


async def run(context: Context) -> None:
    """Serve until SIGTERM or SIGINT; answers under way are given."""

    async def told(held: int) -> None:
        await run_in_threadpool(_beat, context, held)

    work = asyncio.create_task(serve(context, told))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, work.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await work


def _beat(context: Context, held: int) -> None:
    with contextlib.suppress(Exception), context.database.system() as connection:  # Slack is heard without it
        beat(connection, COMPONENT, now=context.clock.now(), detail={"pid": os.getpid(), "connections": held})


def main() -> None:
    """Serve until ended."""
    configure("slack")
    settings = Settings()
    if settings.prefect.blocks:
        from blocks.overlay import settings_from_blocks

        settings = asyncio.run(settings_from_blocks())
    if settings.slack.app_token is None or settings.slack.bot_token is None:
        raise Refused(
            "slack.socket",
            "Socket Mode needs OPSSPINE_SLACK__APP_TOKEN (xapp-…) and OPSSPINE_SLACK__BOT_TOKEN (xoxb-…). "
            "docs/slack.md tells where Slack shows them.",
        )
    context = context_of_app(application(settings))
    asyncio.run(run(context))
    context.database.close()


if __name__ == "__main__":
    main()
