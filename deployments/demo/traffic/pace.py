"""Do something again and again at a steady rate, without piling up."""

import asyncio
from collections.abc import Callable, Coroutine


async def at_pace(
    act: Callable[[], Coroutine[None, None, None]],
    gap: Callable[[], float],
    *,
    at_once: int = 16,
) -> None:
    """Start `act` every `gap()` seconds until cancelled; never more than `at_once` of them together.

    An overloaded receiver slows the caller down instead of collecting a backlog.
    """
    slots = asyncio.Semaphore(at_once)
    running: set[asyncio.Task[None]] = set()

    async def one() -> None:
        try:
            await act()
        finally:
            slots.release()

    try:
        while True:
            await slots.acquire()
            task = asyncio.create_task(one())
            running.add(task)
            task.add_done_callback(running.discard)
            await asyncio.sleep(gap())
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
