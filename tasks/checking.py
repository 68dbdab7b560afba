"""One round of checks: look at every part that is due, write down how it is, and judge whether people must come."""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from spine.clock import Clock
from spine.health import Reading, Standing, Status, standing, worst
from spine.incident import Incident
from spine.redact import redact_text
from spine.settings import Settings
from store.engine import Database
from store.heartbeats import beat
from store.illness import judge
from store.standings import forget_others, keep, standings
from store.vital import CHECKS
from tasks.checks import Check, Ports, checks

_SLACK = timedelta(seconds=5)
"""A part is due so much early: rounds are never exactly on time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round found."""

    standings: tuple[Standing, ...]
    looked: int
    """Parts looked at in this round; of the others the latest look still holds."""
    incident: Incident | None
    """The spine's own incident, while there is one."""

    @property
    def sentence(self) -> str:
        """The round in words."""
        bad = [one for one in self.standings if one.status is not Status.PASS]
        named = "; ".join(f"{one.key} {one.status.value}: {one.reading.said}" for one in bad)
        how = worst(one.status for one in self.standings).value
        return f"{how}, {self.looked} parts looked at" + (f"; {named}" if named else "")


def check_once(database: Database, settings: Settings, clock: Clock, *, by: str = "check_health") -> Round:
    """Look at every part that is due. What cannot be found out in time has failed.

    `by` is who looks: the flow, or the relay in its stead.
    """
    now, found = clock.now(), checks()
    with database.system() as connection:
        before = standings(connection)
    due = [check for key, check in found.items() if _due(check, before.get(key), settings, now)]
    readings = ask_all(due, Ports(settings, clock, database), settings.health.timeout_seconds)
    fresh = [
        standing(check.key, reading, severity=check.severity, at=now, took=took, before=before.get(check.key))
        for check, (reading, took) in readings
    ]
    with database.system() as connection:
        keep(connection, fresh)
        forget_others(connection, found)
        latest = standings(connection)
        incident = judge(connection, list(latest.values()), settings, now)
        beat(connection, CHECKS, now=now, detail={"by": by, "looked": len(fresh)})
    return Round(standings=tuple(latest.values()), looked=len(fresh), incident=incident)


def ask_all(
    due: Iterable[Check], ports: Ports, timeout_seconds: float
) -> list[tuple[Check, tuple[Reading, timedelta]]]:
    """Ask all at the same time, each in a thread of its own; none can hang the round or stop another."""
    answers: dict[str, tuple[Reading, timedelta]] = {}
    asked = list(due)
    threads = [
        threading.Thread(target=_ask, args=(check, ports, answers), name=f"check {check.key}", daemon=True)
        for check in asked
    ]
    deadline = time.monotonic() + timeout_seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    late = timedelta(seconds=timeout_seconds)
    return [
        (check, answers.get(check.key) or (_softened(check, _silent(check, timeout_seconds)), late)) for check in asked
    ]


def _due(check: Check, before: Standing | None, settings: Settings, now: datetime) -> bool:
    if before is None or before.status is Status.FAIL:
        return True
    return now - before.at >= check.every(settings) - _SLACK


def _ask(check: Check, ports: Ports, answers: dict[str, tuple[Reading, timedelta]]) -> None:
    began = time.monotonic()
    try:
        reading = check.ask(ports)
    except Exception as error:  # a check that raises has answered, too
        said = f"{type(error).__name__}: {redact_text(str(error))[:300]}"
        reading = Reading(status=Status.FAIL, said=said, means=check.means, do=check.do)
    answers[check.key] = (_softened(check, reading), timedelta(seconds=time.monotonic() - began))


def _silent(check: Check, seconds: float) -> Reading:
    return Reading(status=Status.FAIL, said=f"no answer within {seconds:g} s", means=check.means, do=check.do)


def _softened(check: Check, reading: Reading) -> Reading:
    return replace(reading, status=Status.WARN) if check.comfort and reading.status is Status.FAIL else reading
