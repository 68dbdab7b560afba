"""Who may read how the spine is: everybody on a machine of one's own, else keys and people with the scope."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request

from gateway.auth import Scope
from gateway.caller import calling
from gateway.context import context_of
from gateway.identity.cookie import loopback
from gateway.problem import Problem


def opened(request: Request) -> bool:
    """True where no key is asked for: as set, else where only this machine reaches the gateway.

    Then by a name of this machine alone: some site's, which its owner lets lead here, would let a page of that site
    read what is open to this machine (DNS rebinding).
    """
    settings = context_of(request).settings
    if settings.health.open is not None:
        return settings.health.open
    alone = settings.gateway.public_url is None and loopback(settings.gateway.host)
    return alone and loopback(request.url.hostname or "")


def reading(scope: Scope) -> Callable[[Request], Coroutine[Any, Any, None]]:
    """A dependency: lets pass who may read.

    Raises:
        Problem: 401, 403.
    """

    async def reader(request: Request) -> None:
        if not opened(request):
            await calling(scope)(request)

    return reader


async def may_read(request: Request, scope: Scope) -> bool:
    """True when details may be shown to who asks."""
    try:
        await reading(scope)(request)
    except Problem:
        return False
    return True
