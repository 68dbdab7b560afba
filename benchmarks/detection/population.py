"""Tenants and their users: how many, where they live, how they log in, and how often that fails."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.detection import address
from benchmarks.detection.batch import Bools, Clients, Floats, Ints
from benchmarks.detection.geography import CODES, DOUBTFUL, HOURS_AHEAD, WEIGHT, countries
from benchmarks.detection.preset import Preset

AGENTS = 400
"""Different user agents."""
_AT_HOME = 0.85
"""Share of users who live in their tenant's country."""
_VPN_SHARE = 0.01
_ADMIN_SHARE = 0.01
_MOST_ADMINS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """One tenant. Shares are 0..1; users are numbers below `size`."""

    number: int
    size: int
    country: int
    """Of the tenant itself; a row of the table of countries."""
    hours_ahead: float
    business: bool
    """Works by day and on weekdays; else consumers, by evening and at weekends."""
    homes: Ints
    """Country of each user."""
    vpn: Ints
    """Country where each user's VPN ends; -1 for most."""
    admins: Ints
    mail_provider: int
    """Which of two providers sends the tenant's mails."""
    oauth_share: float
    provider_mix: Floats
    """Shares of the providers but the password."""
    oauth_failure: float
    mistake_share: float
    """Runs of mistyped passwords per login."""
    reset_failure: float
    verification_failure: float
    token_share: float
    """Errors in tokens per login."""

    def at_home(self, users: Ints) -> Clients:
        """These users at home, each at his own line and browser."""
        return Clients(
            ip=address.home(self.number, users),
            country=self.homes[users].astype(np.int64),
            agent=(users * 7919 + self.number * 104729) % AGENTS,
            absent=np.zeros(len(users), dtype=bool),
        )

    def users(self, rng: np.random.Generator, n: int) -> Ints:
        """`n` users drawn by how busy they are: a few log in often, many seldom."""
        return (self.size * rng.beta(0.7, 1.6, n)).astype(np.int64) % self.size

    def in_office_hours(self, at: Ints) -> Bools:
        """Which times (seconds) are between eight and seven on a weekday, local time."""
        hours = at / 3600 + self.hours_ahead
        return np.asarray((hours % 24 > 8) & (hours % 24 < 19) & ((hours // 24) % 7 < 5))

    def strange_country(self, rng: np.random.Generator, user: int) -> int:
        """A country that `user` is never seen in at home, in the office, or through a VPN."""
        weight = WEIGHT * np.where(DOUBTFUL, 4, 1)
        weight[[self.country, self.homes[user]]] = 0
        if self.vpn[user] >= 0:
            weight[self.vpn[user]] = 0
        return int(rng.choice(len(CODES), p=weight / weight.sum()))


def tenants(preset: Preset, rng: np.random.Generator) -> list[Tenant]:
    """The tenants of a world, largest first."""
    rank = np.arange(1, preset.tenants + 1)
    sizes = np.maximum(preset.largest_tenant_users / rank**preset.size_exponent, preset.smallest_tenant_users)
    return [_tenant(number, int(size), preset.benign_failures, rng) for number, size in enumerate(sizes)]


def _tenant(number: int, size: int, failures: float, rng: np.random.Generator) -> Tenant:
    country = int(countries(rng, 1)[0])
    homes = np.where(rng.random(size) < _AT_HOME, country, countries(rng, size))
    vpn = np.where(rng.random(size) < _VPN_SHARE, countries(rng, size), -1)
    admins = max(1, min(_MOST_ADMINS, int(size * _ADMIN_SHARE)))
    return Tenant(
        number=number,
        size=size,
        country=country,
        hours_ahead=float(HOURS_AHEAD[country]),
        business=bool(rng.random() < 0.6),
        homes=homes,
        vpn=np.where(vpn == homes, -1, vpn),
        admins=rng.choice(size, admins, replace=False),
        mail_provider=int(rng.integers(2)),
        oauth_share=rng.uniform(0.1, 0.7),
        provider_mix=rng.dirichlet([4, 3, 1, 0.7]),
        oauth_failure=rng.uniform(0.005, 0.03) * failures,
        mistake_share=rng.uniform(0.02, 0.08) * failures,
        reset_failure=rng.uniform(0.02, 0.08) * failures,
        verification_failure=rng.uniform(0.02, 0.07) * failures,
        token_share=rng.uniform(0.005, 0.03) * failures,
    )
