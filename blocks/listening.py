"""Whether somebody listens at an address, and at which of several first. Imports no orchestrator."""

import asyncio
from collections.abc import Sequence
from urllib.parse import urlsplit

_PATIENCE_SECONDS = 1.0


async def first_listening(urls: Sequence[str]) -> str | None:
    """The first of `urls` where somebody listens; None = nobody does."""
    for url in urls:
        if await listens(url):
            return url
    return None


async def listens(url: str) -> bool:
    """Whether a connection to the host and port of `url` is taken within a second."""
    where = urlsplit(url)
    port = where.port or (443 if where.scheme == "https" else 80)
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            _, writer = await asyncio.open_connection(where.hostname, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
