"""API keys as a list: whose, for what, since when. The secret is nowhere to be had."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from store.read.page import Page, Place, newest_first

_COLUMNS = "id, name, scopes, created_at, last_used_at, revoked_at"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """A key as people see it."""

    id: UUID
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


def keys(connection: Connection, *, limit: int, after: Place | None = None, live: bool | None = None) -> Page[KeyRow]:
    """The tenant's keys, newest first; `live` = only those that do, or do not, open anything."""
    query = f"""select {_COLUMNS} from api_keys
        where (cast(:live as boolean) is null or (revoked_at is null) = :live)"""  # noqa: S608 - constants
    return newest_first(connection, query, {"live": live}, time="created_at", limit=limit, after=after, make=_key)


def key(connection: Connection, which: UUID) -> KeyRow | None:
    """One key of the tenant, or None."""
    row = connection.execute(text(f"select {_COLUMNS} from api_keys where id = :id"), {"id": which}).one_or_none()  # noqa: S608
    return _key(row) if row else None


def _key(row: Row[Any]) -> KeyRow:
    return KeyRow(**{**row._mapping, "scopes": tuple(row.scopes)})
