"""Credential stuffing: a leaked list tried from many addresses, one try per name, pausing for nobody."""

import itertools

import httpx

from deployments.demo.traffic.login import log_in
from deployments.demo.traffic.pace import at_pace
from deployments.demo.traffic.population import Population
from deployments.demo.traffic.tally import Tally

_AGENT = "python-requests/2.32.3"


async def attack(client: httpx.AsyncClient, population: Population, tally: Tally, *, per_second: float) -> None:
    """Try the leaked pairs in their order, addresses in turn, until cancelled."""
    pairs = itertools.cycle(population.leaked)
    addresses = itertools.cycle(population.attack_addresses)

    async def one() -> None:
        name, password = next(pairs)
        tally.add(await log_in(client, name, password, ip=next(addresses), agent=_AGENT, human=False))

    await at_pace(one, lambda: 1 / per_second)
