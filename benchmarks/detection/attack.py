"""What attacks have in common: how many events, when, and from whom."""

from __future__ import annotations

import numpy as np

from benchmarks.detection import address
from benchmarks.detection.batch import Clients, Ints
from benchmarks.detection.geography import countries
from benchmarks.detection.population import AGENTS
from benchmarks.detection.world import World

Range = tuple[float, float]


def amount(world: World, rng: np.random.Generator, least_most: Range) -> int:
    """A number of events, even over the orders of magnitude (log-uniform)."""
    return max(1, int(np.exp(rng.uniform(*np.log(least_most))) * world.preset.attack_events))


def duration(world: World, rng: np.random.Generator, minutes: Range) -> float:
    """Seconds, even between the bounds."""
    return float(rng.uniform(*minutes) * 60 * world.preset.attack_duration)


def times(rng: np.random.Generator, start: float, seconds: float, n: int, peak: float = 1.0) -> Ints:
    """`n` times in order, the first at `start`; even over the time, or crowded in its middle by a `peak` above 1."""
    at = np.sort(start + seconds * rng.beta(peak, peak, n))
    at[0] = start
    return at.astype(np.int64)


def strangers(world: World, rng: np.random.Generator, unit: str, addresses: int, n: int) -> Clients:
    """`n` attempts from `addresses` never seen before, each in a country of its own, with few user agents."""
    which = rng.integers(0, addresses, n)
    tools = rng.integers(0, AGENTS, addresses // 10 + 1)
    return Clients(
        ip=address.attackers(unit, len(world.incidents), addresses)[which],
        country=countries(rng, addresses)[which],
        agent=rng.choice(tools, n),
        absent=np.zeros(n, dtype=bool),
    )
