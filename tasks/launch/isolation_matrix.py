"""isolation_matrix: the A/B probe of the application, and the same question put to our own database."""

import secrets
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

from spine.diagnostic import Answer, Check, State
from spine.launch import Item
from store.engine import APP_ROLE, SYSTEM_ROLE
from tasks.launch import LaunchCheck, Ports, together

_DO = "do not launch: one tenant's rows are another's; restore the schema (store/migrations), and look for a leak"


async def run(ports: Ports) -> Answer:
    """The application's matrix, every tenant table's row-level security, and an attempt to cross it."""
    found = await ports.read(lambda connection: (_unprotected(connection), _crossed(connection)))
    bare, crossed = found
    checks = (
        Check(
            "database.forced", State.BAD if bare else State.OK,
            f"no forced row-level security on {', '.join(bare)}; {_DO}" if bare
            else "every tenant table has forced row-level security", {"tables": tuple(bare)},
        ),
        Check(
            "database.crossing", State.BAD if crossed else State.OK,
            f"as tenant A one could {', '.join(crossed)} what is B's; {_DO}" if crossed
            else "as tenant A, a row of B could be neither read, changed nor written",
        ),
    )  # fmt: skip
    own = Answer(CHECK.item.key, checks, (ports.receipt("row-level security of the database", found),))
    return together(CHECK.item.key, await ports.diagnosed("tenant_isolation"), own)


def _unprotected(connection: Connection) -> list[str]:
    rows = connection.execute(
        text(
            "select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid"
            " where a.attname = 'tenant_id' and not a.attisdropped and c.relkind in ('r', 'p')"
            " and c.relnamespace = 'public'::regnamespace and not (c.relrowsecurity and c.relforcerowsecurity)"
            " and has_table_privilege(:role, c.oid, 'select, insert, update, delete') order by 1"
        ),
        {"role": APP_ROLE},
    )
    return list(rows.scalars())


def _crossed(connection: Connection) -> list[str]:
    """What tenant A can do to a flag of tenant B; everything is taken back."""
    mark = secrets.token_hex(8)
    names = {"a": f"launch-{mark}-a", "b": f"launch-{mark}-b"}
    attempt = connection.begin_nested()
    try:
        _write(connection, names["b"])
        connection.execute(
            text(f"select set_config('role', '{APP_ROLE}', true), set_config('app.tenant_id', :t, true)"),
            {"t": names["a"]},
        )
        return [
            *_if("read", connection.execute(_READ, names).scalar_one()),
            *_if("change", connection.execute(_CHANGE, names).rowcount),
            *_if("write", _writes(connection, names["b"])),
        ]
    finally:
        attempt.rollback()
        connection.execute(text(f"select set_config('role', '{SYSTEM_ROLE}', true)"))


def _if(what: str, possible: Any) -> list[str]:
    return [what] if possible else []


def _writes(connection: Connection, tenant: str) -> bool:
    inside = connection.begin_nested()
    try:
        _write(connection, tenant, key="launch.probe2")
    except ProgrammingError:  # row-level security refuses it, as it must
        inside.rollback()
        return False
    inside.rollback()
    return True


def _write(connection: Connection, tenant: str, *, key: str = "launch.probe") -> None:
    connection.execute(_WRITE, {"b": tenant, "key": key})


_READ = text("select count(*) from flags where tenant_id = :b")
_CHANGE = text("update flags set purpose = 'crossed' where tenant_id = :b")
_WRITE = text("insert into flags(tenant_id, key, version, definition) values(:b, :key, 1, '{}')")

CHECK = LaunchCheck(
    item=Item(key="isolation_matrix", title="Tenants are isolated", waivable=False),
    run=run,
    looks_at="The A/B matrix against the application (read, list, write, without a token), row-level security of every "
    "tenant table, and an attempt to cross it that is taken back.",
)
