"""Pages at the HTTP edge: how many rows, from where. A cursor is opaque to clients and checked by us.

It says for which list and which filters it was made and where the page before ended: nothing that a forged one could
gain from, for every query runs as the caller's tenant. One that does not fit is refused, so that nobody pages through
another list than they believe.
"""

import base64
import binascii
import json
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from gateway.problem import Problem
from spine.clock import aware
from store.read.page import Page, Place

T = TypeVar("T")
V = TypeVar("V")
MOST = 200
"""Rows of a page at most."""

Limit = Annotated[int, Query(ge=1, le=MOST, description="Rows of the page at most.")]
CursorText = Annotated[
    str | None, Query(max_length=500, description="`next` of the page before; absent = the first page.")
]


class Listed(BaseModel, Generic[T]):
    """A page of a list."""

    model_config = ConfigDict(frozen=True)

    items: list[T]
    next: str | None = Field(
        default=None, description="Cursor of the next page, with the same filters; null = this was the last."
    )


def paged(page: Page[V], show: Callable[[V], T], listing: str, *filters: object) -> Listed[T]:
    """The page as it is answered."""
    place = page.next
    cursor = None if place is None else encode(listing, filters, [place.at.isoformat(), str(place.id)])
    return Listed(items=[show(one) for one in page.items], next=cursor)


def place(cursor: str | None, listing: str, *filters: object) -> Place | None:
    """Where a page of a list by time begins; None = at its start.

    Raises:
        Problem: 422, the cursor was not made for this list and these filters.
    """
    found = decode(cursor, listing, filters)
    if found is None:
        return None
    try:
        at, key = found
        return Place(aware(datetime.fromisoformat(at)), UUID(key))
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise _unfit() from error


def number(cursor: str | None, listing: str, *filters: object) -> int | None:
    """Where a page of a list by number begins; None = at its start.

    Raises:
        Problem: 422, the cursor was not made for this list and these filters.
    """
    found = decode(cursor, listing, filters)
    if found is None:
        return None
    if len(found) != 1 or type(found[0]) is not int or not 0 <= found[0] < 2**63:
        raise _unfit()
    return int(found[0])


def encode(listing: str, filters: tuple[object, ...], where: list[Any]) -> str:
    """The cursor that stands for `where` in `listing` under `filters`."""
    text = json.dumps([_mark(listing, filters), *where], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(cursor: str | None, listing: str, filters: tuple[object, ...]) -> list[Any] | None:
    """What `encode` was given as `where`; None without a cursor.

    Raises:
        Problem: 422, it is no cursor, or one of another list or other filters.
    """
    if cursor is None:
        return None
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        mark, *where = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, TypeError, binascii.Error, RecursionError) as error:
        raise _unfit() from error
    if mark != _mark(listing, filters):
        raise _unfit()
    return list(where)


def _mark(listing: str, filters: tuple[object, ...]) -> str:
    """Which list under which filters, in a few characters."""
    return sha256(json.dumps([listing, [str(one) for one in filters]]).encode()).hexdigest()[:12]


def _unfit() -> Problem:
    return Problem(
        422, "cursor.unfit", "This cursor was not made for this list with these filters. Start without one.",
        errors=[{"pointer": "#/cursor", "detail": "not a cursor of this list with these filters"}],
    )  # fmt: skip
