"""Before the attack: everything is up, a week is behind us, and people log in."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from deployments.demo.app.flag import THROTTLE
from deployments.demo.scene import Scene
from deployments.demo.stack import Stack
from deployments.demo.stage import Stage
from deployments.demo.traffic.login import Answer

_VISITS = 12


def up(stack: Stack) -> Stage:
    """The spine starts and says that it is ready."""

    async def begin() -> None:
        stack.start_spine()

    def check() -> str | None:
        instance = stack.instance()
        return f"gateway {instance['gateway_url']}, Prefect UI {instance['prefect_url']}" if instance else None

    return Stage(name="up", title="The spine starts", check=check, seconds=300, begin=begin)


def history(scene: Scene, stack: Stack, file: Path, events: int) -> Stage:
    """The week before is ingested by the product's own command."""
    took = 0.0

    async def begin() -> None:
        nonlocal took
        took = await asyncio.to_thread(stack.ingest, file)

    def check() -> str | None:
        stored = scene.records.all_events()
        return f"{stored:,} events of eight days, ingested in {took:.1f} s" if stored >= events else None

    return Stage(name="history", title="It learns the shop's history", check=check, seconds=90, begin=begin)


def people(scene: Scene, open_shop: Callable[[], Awaitable[None]]) -> Stage:
    """People get in, their events arrive, and the flag is off: what it is now is what must come back."""

    def check() -> str | None:
        seen = scene.customers.between() + scene.office.between()
        arrived = scene.records.events("login_succeeded", scene.records.since)
        if seen[Answer.WELCOME] < _VISITS or arrived < _VISITS:
            return None
        scene.marks.flag_before = scene.flags.evaluate(THROTTLE, scene.population.attack_addresses[0])
        scene.marks.bases_before = scene.records.flags()
        if scene.marks.flag_before["value"] is not False:
            return None
        version = scene.marks.bases_before[THROTTLE][0]
        return f"{seen[Answer.WELCOME]} of {seen.total()} got in; {THROTTLE} is off (version {version})"

    return Stage(name="people", title="People log in to the shop", check=check, seconds=40, begin=open_shop)
