"""Slack coming in by Socket Mode: we connect to Slack, for where Slack cannot reach us. The same handlers as over HTTP.

Slack ends every connection after some hours, and says so shortly before. Two are held, so that while one is made anew
the other hears what people do. What Slack delivers twice is harmless: a vote counts once, whoever brings it.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.socket_mode.aiohttp import SocketModeClient

from gateway.context import Context
from gateway.slack_app import create_app

_log = structlog.get_logger(__name__)
_CONNECTIONS = 2
_PING_SECONDS = 5.0
"""Between signs of life. A connection that answers none for four times as long is made anew."""
_LOOK_SECONDS = 2.0
Told = Callable[[int], Awaitable[None]]
"""Is told now and then how many connections hold."""


async def serve(context: Context, told: Told) -> None:
    """Hear what people do in Slack, until cancelled. While Slack is away it is asked again every few seconds."""
    token = context.settings.slack.app_token
    assert token is not None
    app = create_app(context)
    clients = [_client(app, token.get_secret_value()) for _ in range(_CONNECTIONS)]
    connecting = [asyncio.create_task(client.connect()) for client in clients]  # type: ignore[no-untyped-call]
    before = 0
    try:
        while True:
            held = sum([await client.is_connected() for client in clients])
            if held != before:
                _log.info("connections to Slack", held=held, wanted=_CONNECTIONS)
            before = held
            await told(held)
            await asyncio.sleep(_LOOK_SECONDS)
    finally:
        for task in connecting:
            task.cancel()
        closing = [client.close() for client in clients]  # type: ignore[no-untyped-call]
        await asyncio.gather(*closing, return_exceptions=True)


def _client(app: AsyncApp, token: str) -> SocketModeClient:
    return AsyncSocketModeHandler(app, token, ping_interval=_PING_SECONDS).client
