"""Who is on call, for people: schedules with names, what comes next, and hours in which nobody is there."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy import Connection

from spine.ids import TenantId
from spine.oncall.schedule import duty, gaps, handovers
from spine.person import EVERY_TENANT
from store import roster, schedules

_AHEAD = timedelta(days=60)
"""How far ahead the next handovers are looked for."""


@dataclass(frozen=True, slots=True)
class Named:
    """A person as others see them. Who is gone has no address."""

    id: str
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Change:
    """A handover to come."""

    at: datetime
    comes: tuple[Named, ...]
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OnDuty:
    """One schedule at one moment."""

    schedule: str
    everybodys: bool
    """True when it serves every tenant."""
    people: tuple[Named, ...]
    because: str
    """The layer, or "override"; "" = nobody is on call."""
    next: tuple[Change, ...]
    gaps: tuple[tuple[datetime, datetime], ...]
    """Stretches to come in which nobody is on call."""


def on_duty(
    connection: Connection,
    at: datetime,
    *,
    gap_days: float,
    tenant: TenantId | None = None,
    name: str | None = None,
    most: int = 3,
) -> list[OnDuty]:
    """Every schedule (that serves `tenant`, of this name) as it is at `at`, with at most `most` handovers to come."""
    found = [one for one in schedules.every(connection, tenant) if name in (None, one.schedule.name)]
    return [_seen(connection, one, at, timedelta(days=gap_days), most) for one in found]


def _seen(connection: Connection, stored: schedules.Stored, at: datetime, gap: timedelta, most: int) -> OnDuty:
    schedule = stored.schedule
    now, coming = duty(schedule, at), list(islice(handovers(schedule, at, at + _AHEAD), most))
    ids = {*now.people, *(one for change in coming for one in change.comes)}
    known = {
        key: Named(key, person.name, person.email) for key, person in roster.names(connection, ids).items()
    }  # fmt: skip

    def named(people: tuple[str, ...]) -> tuple[Named, ...]:
        return tuple(known.get(one, Named(one, "somebody who is gone", "")) for one in people)

    return OnDuty(
        schedule=schedule.name, everybodys=stored.tenant_id == EVERY_TENANT, people=named(now.people),
        because=now.because, next=tuple(Change(one.at, named(one.comes), one.because) for one in coming),
        gaps=tuple(gaps(schedule, at, at + gap)),
    )  # fmt: skip
