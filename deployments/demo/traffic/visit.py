"""People with an account: they log in, and now and then mistype once before they do."""

import asyncio
import random
from collections.abc import Sequence

import httpx

from deployments.demo.traffic.login import Answer, log_in
from deployments.demo.traffic.pace import at_pace
from deployments.demo.traffic.population import Visitor
from deployments.demo.traffic.tally import Tally

_THINK_SECONDS = 0.3


async def visits(
    client: httpx.AsyncClient,
    visitors: Sequence[Visitor],
    tally: Tally,
    *,
    per_second: float,
    mistypes: float,
    seed: int,
) -> None:
    """Visitors come at random moments, `per_second` on average, until cancelled.

    The tally gets one answer a visit, the last: what counts for people is whether they got in.
    """
    chance = random.Random(seed)  # noqa: S311 - reproducible on purpose, guards nothing

    async def one() -> None:
        tally.add(await visit(client, chance.choice(visitors), mistyped=chance.random() < mistypes))

    await at_pace(one, lambda: chance.expovariate(per_second))


async def visit(client: httpx.AsyncClient, visitor: Visitor, *, mistyped: bool) -> Answer:
    """One person logs in; who mistypes sees it and tries again."""
    tries = (visitor.password[:-1], visitor.password) if mistyped else (visitor.password,)
    answer = Answer.UNREACHABLE
    for number, password in enumerate(tries):
        if number:
            await asyncio.sleep(_THINK_SECONDS)
        answer = await log_in(client, visitor.name, password, ip=visitor.ip, agent=visitor.agent, human=True)
        if answer is not Answer.WRONG:
            break
    return answer
