"""A stolen session: the user logs in at home, and within the hour a session opens in a country never seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from benchmarks.detection.attack import strangers
from benchmarks.detection.batch import Batch, events
from benchmarks.detection.unit import Unit
from benchmarks.detection.world import World

_TYPE = "SESSION_ANOMALIES"
_GAP_SECONDS = (120, 3_600)
_LASTS_SECONDS = 1_800
_MOST_SESSIONS = 4


def _emit(world: World) -> Iterator[Batch]:
    rng = world.random("impossible_travel")
    for _ in range(world.preset.count(24)):
        room = world.schedule.place(rng, (_TYPE,), 2 * 3600, weights=world.weights(0.6))
        if not room:
            continue
        tenant, n = world.people[room[0]], int(rng.integers(1, _MOST_SESSIONS + 1))
        user, start = int(rng.integers(0, tenant.size)), np.array([int(room[1])])
        home = tenant.at_home(np.array([user]))
        yield events("login_succeeded", start, tenant.number, user, home)
        yield events("session_created", start + 1, tenant.number, user, home)
        later = np.append(0, rng.uniform(0, _LASTS_SECONDS, n - 1))
        at = np.sort(start + rng.uniform(*_GAP_SECONDS) + later).astype(np.int64)
        country = np.full(n, tenant.strange_country(rng, user))
        thief = replace(strangers(world, rng, "impossible_travel", 1, n), country=country)
        incident = world.open(_TYPE, "impossible_travel", tenant.number, at[0], at[-1] + 1, user=user)
        yield events("session_created", at, tenant.number, user, thief, incident=incident.id)


UNIT = Unit(name="impossible_travel", about="sessions of one user in two far countries within the hour", emit=_emit)
