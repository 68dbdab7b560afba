"""Streams take turns: who comes alone does not wait, and nobody waits longer than a second."""

import asyncio

import pytest

from gateway.pace import Pace


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long each turn was told to wait, in seconds; nobody really waits."""
    asked: list[float] = []

    async def sleep(seconds: float) -> None:
        asked.append(seconds)

    monkeypatch.setattr("gateway.pace.asyncio.sleep", sleep)
    return asked


def test_each_of_many_waits_a_little_longer_than_the_one_before(waits: list[float]) -> None:
    async def many() -> None:
        pace, loop = Pace(), asyncio.get_running_loop()
        loop.time = lambda: 100.0  # type: ignore[method-assign]
        for _ in range(500):
            await pace.turn()

    asyncio.run(many())
    assert len(waits) == 499, "the first has its turn at once"
    assert waits == sorted(waits)
    assert waits[0] == pytest.approx(0.0007)
    assert waits[-1] == pytest.approx(499 * 0.0007)


def test_nobody_waits_longer_than_a_second_however_many_come(waits: list[float]) -> None:
    async def crowd() -> None:
        pace, loop = Pace(), asyncio.get_running_loop()
        loop.time = lambda: 100.0  # type: ignore[method-assign]
        for _ in range(5_000):
            await pace.turn()

    asyncio.run(crowd())
    assert max(waits) == pytest.approx(1.0)


def test_who_comes_when_the_rush_is_over_does_not_wait(waits: list[float]) -> None:
    async def rush() -> None:
        pace, loop, now = Pace(), asyncio.get_running_loop(), 100.0
        loop.time = lambda: now  # type: ignore[method-assign]
        for _ in range(100):
            await pace.turn()
        waits.clear()
        now += 1
        await pace.turn()

    asyncio.run(rush())
    assert waits == []
