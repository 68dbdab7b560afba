"""What waits for an open page, whatever happens meanwhile."""

import asyncio
import contextlib
import time
from typing import Any

from gateway.console.hub import EVERYTHING, Hub
from spine.ids import TenantId
from spine.person import person_id

ANN, BOB = person_id("ann@example.org"), person_id("bob@example.org")


def test_nobody_takes_everybody_s_live_pages(night: Any) -> None:
    async def open_many() -> tuple[list[bool], bool]:
        hub, held = Hub(night.database.url, 4, 2), contextlib.AsyncExitStack()
        full = []
        async with held:
            for _ in range(2):
                full.append(hub.full(ANN))
                await held.enter_async_context(hub.page(TenantId("acme"), ANN))
            full += [hub.full(ANN), hub.full(BOB)]
        return full, hub.full(ANN)

    assert asyncio.run(open_many()) == ([False, False, True, False], False)


def test_a_storm_costs_a_page_one_word(night: Any) -> None:
    """However much happens, what waits for one page stays small, and the others' news are not among it."""

    async def storm() -> tuple[list[str], list[str], float]:
        hub = Hub(night.database.url, 10, 10)
        async with hub.page(TenantId("acme"), ANN) as mine, hub.page(TenantId("other"), BOB) as other:
            await asyncio.to_thread(night.listened)
            for page in (mine, other):
                while await page.take(1):  # "everything", once for opening it and once for the listener
                    pass
            for k in range(1000):
                hub._tell("incident", str(k), "acme")
            began = time.monotonic()
            return await mine.take(1), await other.take(0.05), time.monotonic() - began

    mine, other, took = asyncio.run(storm())
    assert mine[0] == EVERYTHING
    assert len(mine) < 70
    assert other == []
    assert took < 1
