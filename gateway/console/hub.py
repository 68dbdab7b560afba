"""News from PostgreSQL to open pages: one LISTEN for the process, one small set of topics for each page."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from gateway.pace import Pace
from spine.ids import PersonId, TenantId
from spine.person import EVERY_TENANT
from store.listen import CAUGHT_UP, notices

CHANNEL = "console"
EVERYTHING = "everything"
"""The topic that every part of every page listens to: nobody knows what was missed."""
_MOST = 64
"""Different topics a page may have waiting; then it is told everything changed."""


class Page:
    """What one open page has not been told yet. Never grows beyond a few dozen words."""

    def __init__(self, tenant: TenantId, person: PersonId, pace: Pace) -> None:
        self.tenant, self.person, self._pace = tenant, person, pace
        self._waiting: dict[str, None] = {}
        self._any = asyncio.Event()

    def put(self, *topics: str) -> None:
        """Remember that these topics have news."""
        self._waiting.update(dict.fromkeys(topics))
        if len(self._waiting) > _MOST:
            self._waiting = {EVERYTHING: None}
        self._any.set()

    async def take(self, patience: float) -> list[str]:
        """The topics with news since last time; [] when there were none for `patience` seconds."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._any.wait(), patience)
            await self._pace.turn()
        self._any.clear()
        told, self._waiting = list(self._waiting), {}
        return told


class Hub:
    """Listens while any page is open, and tells each page what concerns its tenant."""

    def __init__(self, url: str, most: int, most_each: int) -> None:
        self._url, self._most, self._most_each = url, most, most_each
        self._pages: set[Page] = set()
        self._pace = Pace()
        self._listener: asyncio.Task[None] | None = None

    def full(self, person: PersonId) -> bool:
        """True when no further page of `person` can be kept live."""
        return len(self._pages) >= self._most or sum(one.person == person for one in self._pages) >= self._most_each

    @contextlib.asynccontextmanager
    async def page(self, tenant: TenantId, person: PersonId) -> AsyncIterator[Page]:
        """An open page of `person` in `tenant`, for as long as the block lasts."""
        mine = Page(tenant, person, self._pace)
        mine.put(EVERYTHING)  # something may have changed since the page was made
        self._pages.add(mine)
        if self._listener is None or self._listener.done():
            self._listener = asyncio.create_task(self._listen())
        try:
            yield mine
        finally:
            self._pages.discard(mine)
            if not self._pages and self._listener is not None:
                self._listener.cancel()
                self._listener = None

    async def _listen(self) -> None:
        async for notice in notices(self._url, CHANNEL):
            if notice == CAUGHT_UP:
                for page in self._pages:
                    page.put(EVERYTHING)
            else:
                self._tell(*notice.split(" ", 2))

    def _tell(self, topic: str, incident: str, tenant: str) -> None:
        topics = (topic,) if incident == "-" else (topic, f"incident-{incident}")
        for page in self._pages:
            if tenant in (page.tenant, EVERY_TENANT):
                page.put(*topics)
