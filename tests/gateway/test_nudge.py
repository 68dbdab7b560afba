"""An address that overflows its bucket hastens detection, and a flood of overflows hastens it once a pause."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from gateway.app import create_app
from gateway.nudge import Debounced
from spine.event import Event, EventType
from spine.ids import TenantId
from spine.settings import Settings
from store.engine import Database
from store.ingest import ingest


def test_the_first_cause_acts_at_once_and_the_rest_together_after_the_pause() -> None:
    calls: list[float] = []

    async def target() -> None:
        calls.append(time.monotonic())
        if len(calls) == 1:
            raise RuntimeError("the orchestrator is down")

    async def play() -> None:
        nudge = Debounced(target, 0.2)
        for _ in range(20):
            await nudge()
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.5)
        assert len(calls) == 2
        await nudge()
        await asyncio.sleep(0.05)

    asyncio.run(play())
    assert len(calls) == 3
    assert calls[1] - calls[0] >= 0.19


def test_an_overflow_in_the_database_reaches_the_gateway(database: Database, serve: Callable[[Any], str]) -> None:
    nudged: list[float] = []

    async def nudge() -> None:
        nudged.append(time.monotonic())

    serve(create_app(Settings(), database, nudge_detect=nudge))
    now, acme = datetime.now(UTC), TenantId("acme")
    until = time.monotonic() + 20
    number = 0
    while not nudged and time.monotonic() < until:
        batch = [
            Event(id=f"e{number + n}", type=EventType.LOGIN_FAILED, occurred_at=now, tenant_id=acme, ip="192.0.2.1")
            for n in range(200)
        ]
        ingest(database, acme, batch)
        number += 200
        time.sleep(0.1)
    assert nudged
