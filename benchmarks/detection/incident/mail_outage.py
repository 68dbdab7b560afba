"""A mail provider fails: resets and verifications of all its tenants, one cause and two types of incident."""

from __future__ import annotations

from benchmarks.detection.unit import Unit
from benchmarks.detection.world import Fault, World

_RESET, _VERIFICATION = "PASSWORD_RESET_FAILURES", "EMAIL_VERIFICATION_FAILURES"
_SHARE, _MINUTES = (0.3, 1.0), (20, 180)


def _shape(world: World) -> None:
    rng = world.random("mail_outage")
    for _ in range(world.preset.count(8)):
        seconds = rng.uniform(*_MINUTES) * 60
        if not (room := world.schedule.place(rng, (_RESET, _VERIFICATION), seconds)):
            continue
        tenant, start = room
        provider, end = int(rng.integers(2)), start + seconds
        strength = rng.uniform(*_SHARE) * world.preset.fault_strength
        affected = [t.number for t in world.people if t.mail_provider == provider]
        resets = world.open(_RESET, "mail_outage", tenant, start, end, affected=affected)
        verifications = world.open(_VERIFICATION, "mail_outage_v", tenant, start, end, affected=affected)
        world.faults.append(
            Fault("mail", start, end, strength, resets.id, frozenset(affected), second_incident=verifications.id)
        )


UNIT = Unit(name="mail_outage", about="a mail provider of half the tenants fails", shape=_shape, order=10)
