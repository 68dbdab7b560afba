"""Pages by keyset: a page begins after the last row of the one before, so rows that come in meanwhile shift nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import Connection, Row, text

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row stands in a list that is newest first: its time, and its id among those of one moment."""

    at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows of a list, and where the next page begins."""

    items: tuple[T, ...]
    next: Place | None
    """None = there is nothing more."""


def newest_first(
    connection: Connection,
    query: str,
    values: Mapping[str, Any],
    *,
    time: str,
    limit: int,
    after: Place | None,
    make: Callable[[Row[Any]], T],
) -> Page[T]:
    """The rows of `query`, newest first by its column `time`, then by `id`.

    `query` is a select with its conditions, of our own words; it must have the columns `id` and `time`.
    """
    begin = f" and ({time}, id) < (:after_at, :after_id)" if after else ""
    rows = connection.execute(
        text(f"{query}{begin} order by {time} desc, id desc limit :page_rows"),
        {
            **values, "page_rows": limit + 1,
            **({"after_at": after.at, "after_id": after.id} if after else {}),
        },
    ).all()  # fmt: skip
    shown = rows[:limit]
    more = len(rows) > limit
    last = Place(getattr(shown[-1], time), shown[-1].id) if more else None
    return Page(tuple(make(row) for row in shown), last)
