"""Hours of the week in one time zone, as people agree on them: "Monday to Friday, 9 to 18, in Berlin"."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict

from spine.clock import aware

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEK: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name[:60]!r} is no time zone; name one like Europe/Berlin or UTC") from error
    return name


def _wall_time(moment: time) -> time:
    if moment.tzinfo is not None:
        raise ValueError("a time of day bears no zone of its own; the zone is a setting beside it")
    return moment


Zone = Annotated[str, AfterValidator(_known_zone)]
"""The name of a time zone (IANA)."""
WallTime = Annotated[time, AfterValidator(_wall_time)]
"""What a clock on the wall shows, as "09:00"."""


class Hours(BaseModel):
    """Some hours of some days. `until` not after `since` means the next day; both equal mean the whole day."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    days: tuple[Weekday, ...] = WEEK
    """The days on which the hours begin."""
    since: WallTime = time()
    until: WallTime = time()
    zone: Zone = "UTC"

    def holds(self, at: datetime) -> bool:
        """True when a clock in the zone shows one of these hours at `at`."""
        local = aware(at).astimezone(ZoneInfo(self.zone))
        clock, today = local.time(), local.date()
        if self.since < self.until:
            return self._begins(today.weekday()) and self.since <= clock < self.until
        if clock >= self.since:
            return self._begins(today.weekday())
        return clock < self.until and self._begins((today - timedelta(days=1)).weekday())

    def edges(self, since: datetime, until: datetime) -> list[datetime]:
        """Every moment between the two at which `holds` may change, in UTC."""
        zone = ZoneInfo(self.zone)
        first, last = aware(since).astimezone(zone).date(), aware(until).astimezone(zone).date()
        days = [first + timedelta(days=n) for n in range(-1, (last - first).days + 2)]
        found = {
            aware(datetime.combine(day, clock, zone).replace(fold=fold))
            for day in days for clock in (self.since, self.until, time()) for fold in (0, 1)
        }  # fmt: skip
        found |= set(_clock_changes(zone, aware(since), aware(until)))
        return sorted(edge for edge in found if since <= edge <= until)

    def __str__(self) -> str:
        days = "every day" if len(set(self.days)) == len(WEEK) else ", ".join(self.days)
        return f"{days} {self.since:%H:%M}-{self.until:%H:%M} {self.zone}"

    def _begins(self, weekday: int) -> bool:
        return WEEK[weekday] in self.days


def _clock_changes(zone: ZoneInfo, since: datetime, until: datetime) -> Iterator[datetime]:
    """When clocks on the wall are put forward or back: there hours begin or end without their time being shown."""
    day = since
    while day <= until:
        first, last = day, day + timedelta(days=1)
        if first.astimezone(zone).utcoffset() != last.astimezone(zone).utcoffset():
            while last - first > timedelta(seconds=1):
                middle = first + (last - first) // 2
                same = middle.astimezone(zone).utcoffset() == first.astimezone(zone).utcoffset()
                first, last = (middle, last) if same else (first, middle)
            yield last.replace(microsecond=0)
        day += timedelta(days=1)
