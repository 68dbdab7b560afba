"""Abuse of forms that send mail: what resets and verifications share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.detection.attack import Range, amount, duration, strangers, times
from benchmarks.detection.batch import Batch, events
from benchmarks.detection.world import World

_BOUNCED = 0.85
"""Share of requests that fail: the addresses are guessed."""
_DELAY_SECONDS = 10


@dataclass(frozen=True, slots=True)
class MailAbuse:
    """One kind of it."""

    type: str
    subtype: str
    asked: str
    failed: str
    """Names of the two types of event."""
    full: int
    """How many a full world has."""
    events: Range
    minutes: Range

    def emit(self, world: World) -> Iterator[Batch]:
        """Requests from one to nine addresses for users that may or may not exist, and their failures."""
        rng = world.random(self.subtype)
        for _ in range(world.preset.count(self.full)):
            seconds = duration(world, rng, self.minutes)
            room = world.schedule.place(rng, (self.type,), seconds, weights=world.weights(0.35))
            if not room:
                continue
            tenant, n = world.people[room[0]], amount(world, rng, self.events)
            at, users = times(rng, room[1], seconds, n), rng.integers(0, tenant.size, n)
            clients = strangers(world, rng, self.subtype, int(rng.integers(1, 10)), n)
            incident = world.open(self.type, self.subtype, tenant.number, at[0], at[-1])
            bounced = rng.random(n) < _BOUNCED
            yield events(self.asked, at, tenant.number, users, clients, incident=incident.id)
            yield events(self.failed, at[bounced] + _DELAY_SECONDS, tenant.number, users[bounced], clients[bounced],
                         incident=incident.id)  # fmt: skip
