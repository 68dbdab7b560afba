"""Suppression windows as a list."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, text

from spine.incident import IncidentKind
from spine.suppression import Suppression
from store.read.page import Page, Place, newest_first
from store.suppressions import COLUMNS, from_row


def suppressions(
    connection: Connection,
    now: datetime,
    *,
    limit: int,
    after: Place | None = None,
    current: bool | None = None,
    kind: IncidentKind | None = None,
) -> Page[Suppression]:
    """The tenant's windows, latest to begin first; `current` = only those that are, or are not, over at `now`."""
    query = f"""select {COLUMNS} from suppressions where (cast(:kind as text) is null or kind is null or kind = :kind)
        and (cast(:current as boolean) is null or (ends_at > :now and cancelled_at is null) = :current)"""  # noqa: S608
    values = {"now": now, "current": current, "kind": kind.value if kind else None}
    return newest_first(connection, query, values, time="starts_at", limit=limit, after=after, make=from_row)


def suppression(connection: Connection, key: UUID) -> Suppression | None:
    """One window of the tenant, or None."""
    row = connection.execute(text(f"select {COLUMNS} from suppressions where id = :id"), {"id": key}).one_or_none()  # noqa: S608
    return from_row(row) if row else None
