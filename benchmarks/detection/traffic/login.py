"""Logins by password or provider, with the sessions they open and the callbacks that fail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.detection.batch import NONE, PROVIDERS, Batch, events
from benchmarks.detection.rhythm import moments

if TYPE_CHECKING:
    from benchmarks.detection.population import Tenant
    from benchmarks.detection.world import World

_RETRY = 0.6
"""Of the people whose callback fails in an outage, this share tries once more within a minute."""


def emit(world: World, tenant: Tenant) -> Iterator[Batch]:
    """Callbacks, logins and sessions; in an outage of a provider, callbacks fail for its reason."""
    rng = world.random("login", tenant.number)
    at = moments(world.logins[tenant.number], rng)
    users = tenant.users(rng, len(at))
    clients = world.clients(tenant, users, at, rng)
    here = ~clients.absent
    at, users, clients = at[here], users[here], clients[here]
    social = rng.random(len(at)) < tenant.oauth_share
    mixed = 1 + rng.choice(len(PROVIDERS) - 1, len(at), p=tenant.provider_mix)
    provider = np.where(social, mixed, 0)
    risk, incident = np.where(social, tenant.oauth_failure, 0.0), np.full(len(at), NONE)
    for fault in world.faults_of("oauth", tenant.number):
        hit = (provider == fault.provider) & (at >= fault.start) & (at < fault.end)
        risk[hit] = 1 - (1 - risk[hit]) * (1 - fault.strength)
        incident[hit] = fault.incident
    failed = rng.random(len(at)) < risk
    again = np.flatnonzero(failed & (incident != NONE))
    again = again[rng.random(len(again)) < _RETRY]
    for rows, wait in ((np.flatnonzero(failed), 0), (again, rng.integers(5, 60, len(again)))):
        yield events("oauth_callback_error", at[rows] + wait, tenant.number, users[rows], clients[rows],
                     provider=provider[rows], incident=incident[rows])  # fmt: skip
    for name, which, wait in (
        ("oauth_callback_ok", ~failed & social, 0),
        ("login_succeeded", ~failed, 0),
        ("session_created", ~failed, 1),
    ):
        yield events(name, at[which] + wait, tenant.number, users[which], clients[which], provider=provider[which])
