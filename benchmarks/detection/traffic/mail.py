"""What goes by mail: password resets and verifications of new addresses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.detection.batch import NONE, Batch, Floats, events
from benchmarks.detection.rhythm import moments

if TYPE_CHECKING:
    from benchmarks.detection.population import Tenant
    from benchmarks.detection.world import World

_RESETS_PER_LOGIN = 0.03
_SIGNUPS_PER_LOGIN = 0.015
_RESET_NAMES = ("password_reset_requested", "password_reset_failed")
_VERIFICATION_NAMES = ("email_verification_sent", "email_verification_failed")


def emit(world: World, tenant: Tenant) -> Iterator[Batch]:
    """Requests and failures of both kinds; an outage of the mail provider is an incident of both types."""
    logins, number = world.logins[tenant.number], tenant.number
    resets = logins * _RESETS_PER_LOGIN * world.resets[number]
    signups = logins * _SIGNUPS_PER_LOGIN * world.signups[number]
    yield from _mails(world, tenant, resets, _RESET_NAMES, tenant.reset_failure, 20, second=False)
    yield from _mails(world, tenant, signups, _VERIFICATION_NAMES, tenant.verification_failure, 30, second=True)


def _mails(
    world: World, tenant: Tenant, expected: Floats, names: tuple[str, str], usual: float, delay: int, *, second: bool
) -> Iterator[Batch]:
    """`delay`: seconds until a mail is known to have failed; `second`: count for the outage's second incident."""
    rng = world.random(names[0], tenant.number)
    at = moments(expected, rng)
    users = tenant.users(rng, len(at))
    clients = world.clients(tenant, users, at, rng)
    risk, incident = np.full(len(at), usual), np.full(len(at), NONE)
    for fault in world.faults_of("mail", tenant.number):
        hit = (at >= fault.start) & (at < fault.end)
        risk[hit] = 1 - (1 - risk[hit]) * (1 - fault.strength)
        incident[hit] = fault.second_incident if second else fault.incident
    here = ~clients.absent
    failed = here & (rng.random(len(at)) < risk)
    yield events(names[0], at[here], tenant.number, users[here], clients[here])
    yield events(names[1], at[failed] + delay, tenant.number, users[failed], clients[failed], incident=incident[failed])
