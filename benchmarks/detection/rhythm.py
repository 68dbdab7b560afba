"""How many logins a tenant expects in every five minutes: days, weeks, moods and growth."""

import numpy as np
from scipy.signal import lfilter

from benchmarks.detection.batch import Floats, Ints
from benchmarks.detection.population import Tenant

SLOT_SECONDS = 300
SLOTS_PER_DAY = 288
_MEMORY = 0.92
"""How much of a mood is left after one slot (autoregressive of order one)."""
_MOOD = 0.18
_DAY = 0.10
_GROWTH_PER_MONTH = 0.15
"""Standard deviations of the logarithm of the rate."""


def rates(tenant: Tenant, days: int, logins_per_user_day: float, rng: np.random.Generator) -> Floats:
    """Expected logins in each slot of `days` days."""
    slots = days * SLOTS_PER_DAY
    shape = _week(tenant, slots, rng)
    mood = lfilter([1.0], [1.0, -_MEMORY], rng.normal(0, _MOOD * np.sqrt(1 - _MEMORY**2), slots))
    day = np.repeat(rng.normal(0, _DAY, days), SLOTS_PER_DAY)
    growth = rng.normal(0, _GROWTH_PER_MONTH) * np.arange(slots) / SLOTS_PER_DAY / 30
    mean = tenant.size * logins_per_user_day / SLOTS_PER_DAY
    return np.asarray(mean * shape / shape.mean() * np.exp(mood + day + growth))


def moments(expected: Floats, rng: np.random.Generator) -> Ints:
    """Times (seconds) of a Poisson process with `expected` events in each slot."""
    counts = rng.poisson(np.maximum(expected, 0))
    starts = np.repeat(np.arange(len(expected), dtype=np.int64) * SLOT_SECONDS, counts)
    return starts + rng.integers(0, SLOT_SECONDS, len(starts))


def bursty(expected: Floats, shape: float, rng: np.random.Generator, slots: int = 12) -> Floats:
    """`expected` times a gamma variate of mean one per `slots` slots: counts become negative binomial.

    `shape` is the size of that distribution: the variance of a count of mean m is m + m²/shape. Real hourly
    counts of failures are overdispersed; none is Poisson.
    """
    blocks = -(-len(expected) // slots)
    return expected * np.repeat(rng.gamma(shape, 1 / shape, blocks), slots)[: len(expected)]


def _week(tenant: Tenant, slots: int, rng: np.random.Generator) -> Floats:
    hours = np.asarray(np.arange(slots, dtype=np.float64) * SLOT_SECONDS / 3600 + tenant.hours_ahead)
    hour, weekday = np.asarray(hours % 24, np.float64), (hours // 24) % 7
    if tenant.business:
        shape = _bump(hour, 9.3, 1.4) + 0.6 * _bump(hour, 14, 2.5) + 0.02
        shape *= np.where(weekday == 0, 1.25, 1) * np.where(weekday >= 5, rng.uniform(0.05, 0.35), 1)
    else:
        shape = 0.5 * _bump(hour, 12, 3) + _bump(hour, 20, 2.8) + 0.08
        shape *= np.where(weekday >= 5, rng.uniform(0.9, 1.4), 1)
    return np.asarray(shape)


def _bump(hour: Floats, middle: float, width: float) -> Floats:
    away = (hour - middle + 12) % 24 - 12
    return np.exp(-0.5 * (away / width) ** 2)
