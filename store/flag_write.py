"""One more version of a flag's base: written with its history, its audit entry and the tenant's epoch.

Whoever writes holds the flag's lock to the end of the transaction, and first writes down what took effect by itself.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from spine.audit import AuditAction
from spine.flag import CATALOGUE, Definition
from spine.flag.change import ChangeState
from spine.flag.schedule import due
from spine.ids import TenantId
from store import audit, flag_archive, flag_changes
from store.flag_epoch import raise_epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A flag's base as its row says. Version 0 = no row; then the definition is the catalogue's, if it has one."""

    version: int
    definition: dict[str, Any] | None

    @property
    def image(self) -> dict[str, Any] | None:
        """As the audit trail shows it."""
        return {"version": self.version, "definition": self.definition} if self.definition is not None else None


def lock(connection: Connection, tenant: TenantId, key: str) -> None:
    """Nobody else writes this flag until the transaction ends."""
    connection.execute(
        text("select pg_advisory_xact_lock(hashtextextended('flag ' || :t || ' ' || :k, 0))"), {"t": tenant, "k": key}
    )


def base(connection: Connection, tenant: TenantId, key: str) -> Base:
    """The base as it is written down."""
    row = connection.execute(
        text("select version, definition from flags where tenant_id = :t and key = :k"), {"t": tenant, "k": key}
    ).one_or_none()
    if row is not None:
        return Base(version=row.version, definition=row.definition)
    return Base(version=0, definition=CATALOGUE[key].definition.stored() if key in CATALOGUE else None)


def write(
    connection: Connection,
    tenant: TenantId,
    key: str,
    definition: Definition,
    *,
    actor: str,
    reason: str,
    at: datetime,
    purpose: str | None = None,
    owner: str | None = None,
    temporary: bool | None = None,
    detail: dict[str, Any] | None = None,
) -> int:
    """Make `definition` the base; returns its version. The caller holds the flag's lock. None = as before.

    Raises:
        Refused: it is to be archived, and something stands against it.
    """
    if definition.archived:
        flag_archive.check(connection, tenant, key, at)
    before = base(connection, tenant, key)
    values = {
        "t": tenant, "k": key, "definition": json.dumps(definition.stored()), "at": at, "purpose": purpose,
        "owner": owner, "temporary": temporary, "usual": CATALOGUE[key].purpose if key in CATALOGUE else "",
    }  # fmt: skip
    version: int = connection.execute(_WRITE, values).scalar_one()
    connection.execute(_REMEMBER, {**values, "version": version, "actor": actor, "reason": reason})
    raise_epoch(connection, tenant)
    audit.append(
        connection, tenant, AuditAction.FLAG_CHANGED, actor=actor, at=at, subject=f"flag:{key}", before=before.image,
        after=Base(version=version, definition=definition.stored()).image, detail={"reason": reason, **(detail or {})},
    )  # fmt: skip
    return version


def settle(connection: Connection, tenant: TenantId, key: str, now: datetime) -> int:
    """Write down, as versions, what took effect by itself until `now`; returns how many. Takes the flag's lock."""
    lock(connection, tenant, key)
    reached = due(flag_changes.planned(connection, tenant, key), now)
    for one in reached:
        change = flag_changes.get(connection, one.change_id)
        assert change is not None
        version = write(
            connection, tenant, key, one.definition, actor=change.applied_by or change.proposed_by,
            reason=change.reason, at=one.starts_at, purpose=change.purpose, owner=change.owner,
            temporary=change.temporary, detail={"change": str(change.id), "by_itself": True},
        )  # fmt: skip
        flag_changes.end(connection, change.id, ChangeState.APPLIED, at=one.starts_at, version=version)
    return len(reached)


def settle_due(connection: Connection, now: datetime) -> int:
    """The same for every flag of every tenant, as the system role; returns how many versions were written."""
    rows = connection.execute(
        text(
            "select distinct tenant_id, key from flag_changes where state = 'planned' and starts_at <= :now"
            " order by tenant_id, key"
        ),
        {"now": now},
    ).all()
    return sum(settle(connection, TenantId(row.tenant_id), row.key, now) for row in rows)


def overtake(connection: Connection, tenant: TenantId, key: str, at: datetime) -> list[UUID]:
    """An edit by hand: what is still planned was planned for another base, and does not happen."""
    return flag_changes.overtake(connection, tenant, key, at=at)


_WRITE = text("""
    insert into flags(tenant_id, key, version, definition, purpose, owner, temporary, updated_at)
    values(:t, :k, 1, cast(:definition as jsonb), coalesce(:purpose, :usual), coalesce(:owner, ''),
        coalesce(:temporary, false), :at)
    on conflict (tenant_id, key) do update set version = flags.version + 1, definition = excluded.definition,
        updated_at = excluded.updated_at, purpose = coalesce(:purpose, flags.purpose),
        owner = coalesce(:owner, flags.owner), temporary = coalesce(:temporary, flags.temporary)
    returning version
""")
_REMEMBER = text("""
    insert into flag_history(tenant_id, key, version, definition, actor, reason, at)
    values(:t, :k, :version, cast(:definition as jsonb), :actor, :reason, :at)
""")
