"""Schedules: who is on call when. Right through every change of the clocks, for handovers are told by the wall clock.

A layer hands over at a time of day of its zone: after a day, a week, or any number of hours. Hours that divide a day
(8, 12) keep to the wall clock, too; others (36) are counted as they pass.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from spine.clock import aware
from spine.hours import Hours, WallTime, Zone

_DAY = timedelta(days=1)
_LONGEST_HOURS = 24 * 366
_TURNS = 100_000
"""Changes looked at in one question; a schedule cannot keep anybody busy for ever."""


def _several(people: object) -> object:
    return (people,) if isinstance(people, str) else people


Crew = Annotated[tuple[str, ...], BeforeValidator(_several), Field(min_length=1, max_length=10)]
"""Who serves one shift: one person, or several together."""


class Layer(BaseModel):
    """People who take turns. They are named by whatever the caller names people by."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=80)
    people: tuple[Crew, ...] = Field(min_length=1, max_length=200)
    """In the order of their turns; a turn may be shared: [["ann", "bob"], "eve"]."""
    shift_hours: int = Field(default=7 * 24, ge=1, le=_LONGEST_HOURS)
    """Length of a turn: 24 = daily, 168 = weekly."""
    handover: WallTime
    """When turns change, by the wall clock of the schedule's zone."""
    start: date
    """Day on which the first turn begins."""
    hours: Hours | None = None
    """The layer counts only then; None = always. Their zone is their own."""

    @field_validator("start")
    @classmethod
    def _sane(cls, start: date) -> date:
        if not 2000 <= start.year <= 2200:
            raise ValueError("start lies outside the years 2000 to 2200")
        return start

    def begins(self, turn: int, zone: str) -> datetime:
        """When a turn begins, counted from 0, in UTC. What the wall clock skips begins right after the gap."""
        length, first = timedelta(hours=self.shift_hours), datetime.combine(self.start, self.handover)
        if length % _DAY and _DAY % length:
            return aware(first.replace(tzinfo=ZoneInfo(zone))) + turn * length
        return aware((first + turn * length).replace(tzinfo=ZoneInfo(zone)))

    def turn(self, at: datetime, zone: str) -> int:
        """The number of the turn under way at `at`; below 0 = it has not begun."""
        turn = (at - self.begins(0, zone)) // timedelta(hours=self.shift_hours)
        while self.begins(turn, zone) > at:
            turn -= 1
        while self.begins(turn + 1, zone) <= at:
            turn += 1
        return turn

    def serving(self, at: datetime, zone: str) -> tuple[str, ...]:
        """Who serves at `at`; () = nobody of this layer."""
        if self.hours is not None and not self.hours.holds(at):
            return ()
        turn = self.turn(at, zone)
        return self.people[turn % len(self.people)] if turn >= 0 else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """Somebody stands in, for everybody who would be on call; of two that overlap the later one counts."""

    people: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime
    reason: str = ""

    def holds(self, at: datetime) -> bool:
        """True while it lasts."""
        return self.starts_at <= at < self.ends_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Layers over each other: the last one that has somebody decides, and an override over all of them."""

    name: str
    zone: str
    layers: tuple[Layer, ...]
    overrides: tuple[Override, ...] = ()
    """In the order in which they were made."""


@dataclass(frozen=True, slots=True)
class Duty:
    """Who is on call, and for what reason."""

    people: tuple[str, ...]
    because: str
    """The layer's name, or "override"; "" = nobody is on call."""


@dataclass(frozen=True, slots=True)
class Handover:
    """One change of who is on call."""

    at: datetime
    leaves: tuple[str, ...]
    comes: tuple[str, ...]
    because: str


def duty(schedule: Schedule, at: datetime) -> Duty:
    """Who is on call at `at`, and why."""
    moment = aware(at)
    for override in reversed(schedule.overrides):
        if override.holds(moment):
            return Duty(override.people, "override")
    for layer in reversed(schedule.layers):
        if people := layer.serving(moment, schedule.zone):
            return Duty(people, layer.name)
    return Duty((), "")


def on_call(schedule: Schedule, at: datetime) -> tuple[str, ...]:
    """The people on call at `at`; () = nobody."""
    return duty(schedule, at).people


def handovers(schedule: Schedule, since: datetime, until: datetime) -> Iterator[Handover]:
    """Every change of who is on call after `since`, until `until`, in order."""
    before = on_call(schedule, since)
    for edge in _edges(schedule, aware(since), aware(until)):
        now = duty(schedule, edge)
        if now.people != before:
            yield Handover(edge, before, now.people, now.because)
        before = now.people


def gaps(schedule: Schedule, since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
    """Stretches between the two in which nobody is on call."""
    found: list[tuple[datetime, datetime]] = []
    opened = aware(since) if not on_call(schedule, since) else None
    for change in handovers(schedule, since, until):
        if not change.comes:
            opened = change.at
        elif opened is not None:
            found.append((opened, change.at))
            opened = None
    return [*found, (opened, aware(until))] if opened is not None else found


def _edges(schedule: Schedule, since: datetime, until: datetime) -> list[datetime]:
    """Every moment after `since` at which something may change."""
    found: set[datetime] = set()
    for layer in schedule.layers:
        turn = max(layer.turn(since, schedule.zone), -1) + 1
        for number in range(turn, turn + _TURNS):
            edge = layer.begins(number, schedule.zone)
            if edge > until:
                break
            found.add(edge)
        if layer.hours is not None:
            found.update(layer.hours.edges(since, until))
    for override in schedule.overrides:
        found |= {override.starts_at.astimezone(UTC), override.ends_at.astimezone(UTC)}
    return sorted(edge for edge in found if since < edge <= until)


_EXAMPLE: dict[str, Any] = {
    "zone": "Europe/Berlin",
    "layers": [
        {
            "name": "weeks", "people": [["ann@example.org"], ["bob@example.org"]], "shift_hours": 168,
            "handover": "09:00:00", "start": "2026-03-02",
        }
    ],
}  # fmt: skip


class Plan(BaseModel):
    """A schedule as people write it, without its overrides."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    zone: Zone = "UTC"
    layers: tuple[Layer, ...] = Field(min_length=1, max_length=20)
