"""Which of several Prefect servers to talk to: the first that answers. No balancer, no state; one server needs none."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

from prefect.client.orchestration import PrefectClient, get_client
from prefect.context import AsyncClientContext
from prefect.settings import PREFECT_API_URL, temporary_settings

from blocks.listening import first_listening
from spine.settings import Settings


@asynccontextmanager
async def client() -> AsyncIterator[PrefectClient]:
    """A client of a server that answers; within a run the run's own, which outlasts a restart of its server."""
    urls = _urls()
    if len(urls) == 1 or AsyncClientContext.get() is not None:
        async with get_client() as made:
            yield made
        return
    url = await first_listening(urls) or urls[0]  # which then tells its own error
    with temporary_settings({PREFECT_API_URL: url}):
        async with get_client() as made:
            yield made


@cache
def _urls() -> tuple[str, ...]:
    return Settings().prefect.urls
