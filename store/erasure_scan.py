"""Looks through every table there is, by the database's own catalogue, and replaces the traces of one person.

No list of tables is kept: what is added tomorrow is searched, too.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, text

from spine.erasure import Traces
from spine.ids import TenantId

APART = frozenset({"audit_entries", "audit_heads", "alembic_version"})
"""The trail is erased from in its own way; the last bears no names."""
_TYPES = ("text", "varchar", "jsonb", "json", "_text")


@dataclass(frozen=True, slots=True)
class Table:
    """A table, or a partition, and its columns that can hold a name."""

    name: str
    columns: dict[str, str]
    """By name: the type."""
    all: frozenset[str]
    """Every column."""


@dataclass(slots=True)
class Found:
    """What was found where."""

    rows: Counter[str] = field(default_factory=Counter)
    """By table, the partitions of one together."""
    incidents: set[str] = field(default_factory=set)
    """That the rows are of."""
    digests: dict[str, str] = field(default_factory=dict)
    """Digests of content that changed: the old one, the new one."""


def tables(connection: Connection) -> list[Table]:
    """Every table that can hold a name."""
    rows = connection.execute(_TABLES, {"types": list(_TYPES)}).all()
    return [Table(row.name, dict(row.texts), frozenset(row.columns)) for row in rows if row.name not in APART]


_TABLES = text("""
    select c.relname as name, array_agg(a.attname::text) as columns,
           jsonb_object_agg(a.attname, t.typname)
             filter (where t.typname = any(:types) and a.attgenerated = '') as texts
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    join pg_type t on t.oid = a.atttypid
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
    group by c.relname having bool_or(t.typname = any(:types) and a.attgenerated = '') order by 1""")


def replace(
    connection: Connection,
    traces: Traces,
    *,
    tenant: TenantId | None,
    found: Found,
    leave: Collection[str] = (),
) -> None:
    """Replace the traces in every row, as the owner, and note in `found` where they were.

    With a `tenant` names are looked for in its rows and those of no tenant; hashes of names in all rows. `leave` are
    tables that are not looked through.
    """
    for table in tables(connection):
        if table.name not in leave:
            _replace(connection, table, traces, tenant, found)


def _replace(connection: Connection, table: Table, traces: Traces, tenant: TenantId | None, found: Found) -> None:
    said = " or ".join(f'lower("{column}"::text) like any(:{{0}})' for column in table.columns)
    own = said.format("own")
    if tenant is not None and "tenant_id" in table.all:
        own = f"tenant_id in (:tenant, '*') and ({own}) or ({said.format('anyones')})"
    about = "id" if table.name == "incidents" else "incident_id" if "incident_id" in table.all else "null"
    columns = ", ".join(f'"{column}"' for column in table.columns)
    query = f'select ctid, {about}::text as about, {columns} from only "{table.name}" where {own} for update'  # noqa: S608 - names from the catalogue
    patterns = {"own": traces.patterns(everywhere=False), "anyones": traces.patterns(everywhere=True)}
    rows = connection.execute(text(query), {**patterns, "tenant": tenant}).mappings().all()
    for row in rows:
        new = {column: traces.within(row[column]) for column in table.columns}
        changed = {column: value for column, value in new.items() if value != row[column]}
        if changed:
            _write(connection, table, str(row["ctid"]), changed)
            found.rows[_family(table.name)] += 1
            found.incidents |= {row["about"]} if row["about"] else set()


def _write(connection: Connection, table: Table, ctid: str, changed: dict[str, Any]) -> None:
    kinds = {column: "text[]" if table.columns[column] == "_text" else table.columns[column] for column in changed}
    sets = ", ".join(f'"{column}" = cast(:{column} as {kind})' for column, kind in kinds.items())
    values = {
        column: json.dumps(value) if kinds[column].startswith("json") else value for column, value in changed.items()
    }
    connection.execute(
        text(f'update only "{table.name}" set {sets} where ctid = cast(:ctid as tid)'),  # noqa: S608 - names from the catalogue
        {**values, "ctid": ctid},
    )


def _family(name: str) -> str:
    return "auth_ops_logs" if name.startswith("auth_ops_logs_") else name


def count(found: Found, table: str, rows: int) -> None:
    """Note that `rows` of `table` were changed or deleted."""
    if rows:
        found.rows[table] += rows


def in_order(found: Found) -> Iterable[tuple[str, int]]:
    """What was found, by table."""
    return sorted(found.rows.items())
