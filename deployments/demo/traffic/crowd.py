"""Everybody at once: people come from the start, the attacker when told."""

import asyncio
from collections.abc import Coroutine

import httpx

from deployments.demo.traffic.attack import attack
from deployments.demo.traffic.population import SEED, Population, Visitor
from deployments.demo.traffic.tally import Tally
from deployments.demo.traffic.visit import visits

CUSTOMERS_PER_SECOND = 1.5
OFFICE_PER_SECOND = 0.4
ATTACK_PER_SECOND = 8.0
MISTYPES = 0.01
"""Share of visits with a mistyped password first (0..1)."""


class Crowd:
    """The traffic to one shop, as tasks of the running event loop."""

    def __init__(self, shop_url: str, population: Population) -> None:
        limits = httpx.Limits(max_connections=64, max_keepalive_connections=32)
        self._client = httpx.AsyncClient(base_url=shop_url, limits=limits, timeout=10)
        self._population = population
        self._people: list[asyncio.Task[None]] = []
        self._attack: asyncio.Task[None] | None = None

    def welcome_people(self, customers: Tally, office: Tally) -> None:
        """People begin to come."""
        city = self._population
        self._people = [
            _task(self._visits(city.customers, customers, CUSTOMERS_PER_SECOND, SEED)),
            _task(self._visits(city.office, office, OFFICE_PER_SECOND, SEED + 1)),
        ]

    def _visits(
        self, who: tuple[Visitor, ...], tally: Tally, per_second: float, seed: int
    ) -> Coroutine[None, None, None]:
        return visits(self._client, who, tally, per_second=per_second, mistypes=MISTYPES, seed=seed)

    async def start_attack(self, tally: Tally) -> None:
        """The attacker begins."""
        self._attack = _task(attack(self._client, self._population, tally, per_second=ATTACK_PER_SECOND))

    async def end_attack(self) -> None:
        """The attacker gives up."""
        if self._attack:
            await _end([self._attack])

    async def leave(self) -> None:
        """Everybody leaves."""
        await self.end_attack()
        await _end(self._people)
        await self._client.aclose()


def _task(work: Coroutine[None, None, None]) -> asyncio.Task[None]:
    return asyncio.create_task(work)


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
