"""The staging table: rows arrive by COPY, and go on in one INSERT that skips what is already there.

COPY FROM is refused under row-level security, hence the temporary table. The ORDER BY gives all writers one
order of locks, so that two who send the same rows wait for each other instead of deadlocking.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from psycopg import Cursor
from psycopg.errors import UniqueViolation
from sqlalchemy import Connection

COLUMNS = (
    "id", "type", "occurred_at", "tenant_id", "user_id", "provider", "ip", "country", "user_agent",
    "session_id", "resource_tenant_id", "attributes", "synthetic", "drill_id",
)  # fmt: skip
_TYPES = {"occurred_at": "timestamptz", "synthetic": "bool"}
_CASTS = {"ip": "inet", "attributes": "jsonb"}
_WIRE = [_TYPES.get(name, "text") for name in COLUMNS]


def cursor_of(connection: Connection) -> Cursor[tuple[Any, ...]]:
    """The driver's own cursor, inside `connection`'s transaction."""
    cursor: Cursor[tuple[Any, ...]] = connection.connection.cursor()  # type: ignore[assignment]
    return cursor


def stage_rows(cursor: Cursor[tuple[Any, ...]], rows: Iterable[Sequence[Any]]) -> None:
    """Put rows (in the order of COLUMNS) into the staging table, by binary COPY."""
    stage = _create(cursor)
    with cursor.copy(f"copy {stage} from stdin (format binary)") as copy:
        copy.set_types(_WIRE)
        for row in rows:
            copy.write_row(row)


def stage_csv(cursor: Cursor[tuple[Any, ...]], csv: bytes | memoryview) -> None:
    """Put CSV (columns in the order of COLUMNS, no header, NULL unquoted) into the staging table."""
    with cursor.copy(f"copy {_create(cursor)} from stdin (format csv)") as copy:
        copy.write(csv)


def insert_staged(cursor: Cursor[tuple[Any, ...]]) -> int:
    """Move the staged rows into the events; returns how many were not there before.

    First as if all were new, which is a third faster than ON CONFLICT and nearly always right.
    """
    values = ", ".join(f"{name}::{_CASTS[name]}" if name in _CASTS else name for name in COLUMNS)
    insert = (
        f"insert into auth_ops_logs({', '.join(COLUMNS)}) select {values} from {_name(cursor)} "  # noqa: S608
        'order by tenant_id, occurred_at, id collate "C"'
    )
    try:
        with cursor.connection.transaction():
            cursor.execute(insert)
    except UniqueViolation:
        cursor.execute(f"{insert} on conflict do nothing")
    return cursor.rowcount


def _name(cursor: Cursor[tuple[Any, ...]]) -> str:
    role = cursor.execute("select current_user").fetchone()
    assert role is not None
    return f'"stage_of_{role[0]}"'


def _create(cursor: Cursor[tuple[Any, ...]]) -> str:
    """The staging table of this session and role (a temporary table belongs to who made it)."""
    name = _name(cursor)
    columns = ", ".join(f"{column} {kind}" for column, kind in zip(COLUMNS, _WIRE, strict=True))
    cursor.execute(f"create temporary table if not exists {name}({columns}) on commit delete rows")
    return name
