"""Who comes to the shop, played against the real shop."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import Callable, Coroutine
from typing import Any

import httpx

from deployments.demo.traffic.attack import attack
from deployments.demo.traffic.login import Answer, log_in
from deployments.demo.traffic.pace import at_pace
from deployments.demo.traffic.population import ATTACK_NETWORKS, OFFICE_ADDRESS, Population, populate
from deployments.demo.traffic.tally import Tally
from deployments.demo.traffic.visit import visits


def _for(seconds: float, shop: httpx.Client, play: Callable[[httpx.AsyncClient], Coroutine[None, None, None]]) -> None:
    """Let `play` run for `seconds` against the shop."""

    async def run() -> None:
        async with httpx.AsyncClient(base_url=shop.base_url) as client:
            await asyncio.wait({task := asyncio.create_task(play(client))}, timeout=seconds)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())


def test_one_seed_is_one_city() -> None:
    assert populate(3) == populate(3)
    assert populate(3) != populate(4)


def test_everybody_has_their_place() -> None:
    city = populate(3)
    assert len({v.name for v in city.members}) == len(city.members)
    assert len({v.ip for v in city.customers}) == len(city.customers)
    assert {v.ip for v in city.office} == {OFFICE_ADDRESS}
    for address in city.attack_addresses:
        assert any(address in {str(host) for host in net} for net in ATTACK_NETWORKS)
    passwords = {v.name: v.password for v in city.members}
    assert sum(passwords.get(name) == password for name, password in city.leaked) == 2


def test_an_attack_comes_from_all_its_addresses_and_mostly_fails(
    shop: httpx.Client, vendor: Any, population: Population, eventually: Any
) -> None:
    tally = Tally()
    _for(1.5, shop, lambda client: attack(client, population, tally, per_second=40))
    counts = tally.between()
    assert set(counts) <= {Answer.WRONG, Answer.WELCOME}
    assert 10 <= counts.total() <= 65
    eventually(lambda: len(vendor.events) >= counts.total())
    assert {e["ip"] for e in vendor.events} == set(population.attack_addresses)
    assert not any("Mozilla" in e["user_agent"] for e in vendor.events)


def test_people_who_mistype_get_in_the_second_time(
    shop: httpx.Client, vendor: Any, population: Population, eventually: Any
) -> None:
    tally = Tally()
    _for(1.5, shop, lambda c: visits(c, population.customers, tally, per_second=20, mistypes=0.5, seed=1))
    assert set(tally.between()) == {Answer.WELCOME}
    eventually(lambda: "login_failed" in vendor.types() and "login_succeeded" in vendor.types())


def test_people_answer_the_question_and_the_attack_does_not(
    shop: httpx.Client, vendor: Any, population: Population
) -> None:
    vendor.flags["auth.captcha.required"] = {}
    people, attackers = Tally(), Tally()

    async def both(client: httpx.AsyncClient) -> None:
        await asyncio.gather(
            visits(client, population.customers, people, per_second=15, mistypes=0, seed=1),
            attack(client, population, attackers, per_second=15),
        )

    _for(1, shop, both)
    assert set(people.between()) == {Answer.WELCOME}
    assert set(attackers.between()) == {Answer.ASKED}


def test_a_shop_that_is_down_is_an_answer_too() -> None:
    async def try_it() -> Answer:
        async with httpx.AsyncClient(base_url="http://127.0.0.1:1") as client:
            return await log_in(client, "a", "b", ip="198.18.0.1", agent="x", human=True)

    assert asyncio.run(try_it()) is Answer.UNREACHABLE


def test_a_slow_receiver_slows_the_pace_down() -> None:
    together = itertools.count()
    most = 0

    async def slow() -> None:
        nonlocal most
        most = max(most, next(together))
        await asyncio.sleep(60)

    async def run() -> None:
        await asyncio.wait_for(at_pace(slow, lambda: 0.0, at_once=3), timeout=0.3)

    with contextlib.suppress(TimeoutError):
        asyncio.run(run())
    assert most == 2


def test_a_tally_answers_for_a_span_of_time() -> None:
    tally = Tally()
    tally.add(Answer.WRONG)
    later = time.monotonic()
    tally.add(Answer.WELCOME)
    assert tally.share(Answer.WELCOME) == 0.5
    assert tally.share(Answer.WELCOME, since=later) == 1.0
    assert tally.share(Answer.WELCOME, until=0.0) is None
