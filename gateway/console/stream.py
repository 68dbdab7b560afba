"""`GET …/stream`: names of what has changed, as server-sent events. A page then asks for its parts again.

Nothing but names goes over it, so a stream that outlives its session by minutes tells nobody anything.
"""

import asyncio
from collections.abc import AsyncIterator
from time import monotonic

from fastapi import APIRouter, Request
from sse_starlette import EventSourceResponse, ServerSentEvent

from gateway.console.hub import Hub
from gateway.console.page import HEADERS, HOME
from gateway.console.visitor import AnyVisitor, person_of
from gateway.context import Context, context_of
from gateway.problem import Problem
from spine.ids import PersonId, TenantId

router = APIRouter()
_PING_SECONDS = 15
_RETRY_MILLISECONDS = 2_000


@router.get(f"{HOME}/stream", include_in_schema=False)
async def stream(request: Request, visitor: AnyVisitor) -> EventSourceResponse:
    """News of the visitor's tenant, until they leave or the stream has lasted long enough."""
    context, hub = context_of(request), hub_of(request)
    person = person_of(visitor).id
    if hub.full(person):
        detail = "As many pages are open as can be kept live. Pages work without it: reload them to see what is new."
        raise Problem(503, "console.streams", detail, headers={"Retry-After": "30"})
    return EventSourceResponse(_news(hub, visitor.tenant, person, context), ping=_PING_SECONDS, headers={**HEADERS})


async def _news(hub: Hub, tenant: TenantId, person: PersonId, context: Context) -> AsyncIterator[ServerSentEvent]:
    settings = context.settings.console
    ends = monotonic() + settings.stream_minutes * 60
    async with hub.page(tenant, person) as page:
        yield ServerSentEvent(event="hello", data=tenant, retry=_RETRY_MILLISECONDS)
        while (left := ends - monotonic()) > 0:
            for topic in await page.take(left):
                yield ServerSentEvent(event=topic, data="")
            # what comes meanwhile goes out together
            await asyncio.sleep(settings.stream_pause_seconds)


def hub_of(request: Request) -> Hub:
    """The application's hub, made when it is first asked for."""
    state = request.app.state
    if not hasattr(state, "console_hub"):
        context, rules = context_of(request), context_of(request).settings.console
        state.console_hub = Hub(context.database.url, rules.max_streams, rules.max_streams_each)
    found = state.console_hub
    assert isinstance(found, Hub)
    return found
