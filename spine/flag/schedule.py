"""Changes that take effect at a time: computed when flags are read, so no writer has to be alive.

A planned change becomes the base at its time. One with an end is followed by a planned return to what was in force
before it. An edit by hand overtakes whatever is still planned: it was planned for another base.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from spine.flag.definition import Definition


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A base definition that takes effect at `starts_at`."""

    change_id: UUID
    key: str
    definition: Definition
    starts_at: datetime
    returns: bool = False
    """True = the end of a change that had one: what was in force before it comes back."""


def in_order(planned: Iterable[Planned]) -> list[Planned]:
    """As they take effect; what returns at the moment something else begins comes first."""
    return sorted(planned, key=lambda one: (one.starts_at, not one.returns, one.change_id))


def due(planned: Iterable[Planned], now: datetime) -> list[Planned]:
    """Those whose time has come, in order."""
    return [one for one in in_order(planned) if one.starts_at <= now]


def base_at(base: Definition, planned: Iterable[Planned], now: datetime) -> Definition:
    """The base in force at `now`."""
    reached = due(planned, now)
    return reached[-1].definition if reached else base


def next_edge(planned: Iterable[Planned], now: datetime) -> datetime | None:
    """When the next planned change takes effect; None = nothing is planned."""
    return min((one.starts_at for one in planned if one.starts_at > now), default=None)


def overlap(planned: Sequence[Planned], starts_at: datetime, ends_at: datetime | None) -> Planned | None:
    """What stands in the way of a change from `starts_at` to `ends_at` (None = for good), or None.

    Two changes at one moment have no order, and nothing may begin or end inside a change that has an end: what it
    returns to was fixed when it was planned.
    """
    ordered = in_order(planned)
    for one in ordered:
        if one.starts_at == starts_at or (ends_at is not None and starts_at < one.starts_at <= ends_at):
            return one
    following = next((one for one in ordered if one.starts_at > starts_at), None)
    return following if following is not None and following.returns else None
