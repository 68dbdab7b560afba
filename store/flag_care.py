"""What is declared of flags in PostgreSQL, when kill switches were last thrown, and users a change would reach."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from spine.audit import AuditAction
from spine.errors import Refused
from spine.flag import CATALOGUE
from spine.flag.care import Declaration, check_declaration
from spine.ids import TenantId
from store import audit, flag_write, flags


def declarations(connection: Connection, tenant: TenantId) -> dict[str, Declaration]:
    """The tenant's declarations by key. The catalogue's flags are kill switches whoever says so."""
    rows = connection.execute(text("select * from flag_declarations where tenant_id = :t"), {"t": tenant})
    own = {row.key: _declaration(row) for row in rows}
    known = {
        key: Declaration(key=key, safe=one.definition.default_variant, kill_switch=True)
        for key, one in CATALOGUE.items()
    }
    return known | own


def declare(
    connection: Connection,
    tenant: TenantId,
    declared: Declaration,
    *,
    owner: str,
    purpose: str,
    temporary: bool,
    actor: str,
    now: datetime,
) -> None:
    """Write down what a flag is. Its base and version stay as they are.

    Raises:
        Refused: `flag.unknown`; `flag.declaration`, it cannot hold.
    """
    if not owner.strip() or not purpose.strip():
        raise Refused("flag.declaration", f"{declared.key} needs an owner and a purpose. Nothing was stored.")
    before = _checked(connection, tenant, declared, temporary=temporary, now=now)
    values = {
        "t": tenant, "key": declared.key, "safe": declared.safe, "kill": declared.kill_switch,
        "expires": declared.expires_at, "depends": list(declared.depends_on), "by": actor, "now": now,
        "owner": owner.strip(), "purpose": purpose.strip(), "temporary": temporary,
    }  # fmt: skip
    connection.execute(_PUT, values)
    connection.execute(
        text(
            "update flags set owner = :owner, purpose = :purpose, temporary = :temporary"
            " where tenant_id = :t and key = :key"
        ),
        values,
    )
    audit.append(
        connection, tenant, AuditAction.FLAG_CHANGED, actor=actor, at=now, subject=f"flag:{declared.key}",
        outcome="declared", before=before,
        after={"declaration": declared, "owner": owner, "purpose": purpose, "temporary": temporary},
    )  # fmt: skip


def _checked(
    connection: Connection, tenant: TenantId, declared: Declaration, *, temporary: bool, now: datetime
) -> Declaration | None:
    """Locks the flag; returns what was declared of it before."""
    flag_write.settle(connection, tenant, declared.key, now)
    known = flags.all_flags(connection, tenant)
    flag = known.get(declared.key)
    if flag is None or not flag.version:
        raise Refused(
            "flag.unknown",
            f"Tenant {tenant} has no flag {declared.key} of its own; define it first, at its safe value.",
        )
    others = declarations(connection, tenant)
    check_declaration(declared, flag.base_at(now), others, known, temporary=temporary, now=now)
    return others.get(declared.key)


def thrown(connection: Connection, tenant: TenantId, declared: Mapping[str, Declaration]) -> dict[str, datetime]:
    """When each kill switch was last at work: held by a lease of any drill or incident, or edited to its safe value."""
    held = {
        row.key: row.at
        for row in connection.execute(
            text(
                "select key, max(created_at) as at from flag_holds where tenant_id = :t or everybody or shadow"
                " group by key"
            ),
            {"t": tenant},
        )
    }
    for row in connection.execute(
        text(
            "select key, definition ->> 'defaultVariant' as variant, max(at) as at from flag_history"
            " where tenant_id = :t and version > 1 group by 1, 2"
        ),
        {"t": tenant},
    ):
        one = declared.get(row.key)
        if one is not None and row.variant == one.safe:
            held[row.key] = max(row.at, held.get(row.key, row.at))
    return held


def users(connection: Connection, tenant: TenantId, *, since: datetime, limit: int) -> list[str]:
    """Users who got in since then, some `limit` of them, always the same."""
    rows = connection.execute(
        text(
            "select distinct user_id from auth_ops_logs where tenant_id = :t and not synthetic"
            " and type = 'login_succeeded' and occurred_at >= :since and user_id is not null order by 1 limit :n"
        ),
        {"t": tenant, "since": since, "n": limit},
    )
    return list(rows.scalars())


def _declaration(row: Row[Any]) -> Declaration:
    return Declaration(
        key=row.key, safe=row.safe, kill_switch=row.kill_switch, expires_at=row.expires_at,
        depends_on=tuple(row.depends_on),
    )  # fmt: skip


_PUT = text("""
    insert into flag_declarations(tenant_id, key, safe, kill_switch, expires_at, depends_on, declared_by, declared_at)
    values(:t, :key, :safe, :kill, :expires, :depends, :by, :now)
    on conflict(tenant_id, key) do update set safe = :safe, kill_switch = :kill, expires_at = :expires,
        depends_on = :depends, declared_by = :by, declared_at = :now""")
