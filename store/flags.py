"""Flags in PostgreSQL: versioned bases that people edit, seen with the holds that leases put on top.

Every change is written with its audit entry and raises the tenant's epoch, in the caller's transaction.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import rfc8785
from sqlalchemy import Connection, Row, text

from spine.audit import AuditAction
from spine.errors import Refused
from spine.flag import CATALOGUE, Definition, FlagVersion, Hold, compose, parse_definition
from spine.flag.controller import conflict
from spine.flag.drift import drift
from spine.ids import TenantId
from spine.lease import Lease
from store import audit
from store.flag_epoch import raise_epoch
from store.flag_holds import holds_of


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFlag:
    """A flag's base as it stands, and what is held on top of it. Version 0 = the catalogue's own."""

    key: str
    version: int
    definition: Definition
    purpose: str
    owner: str
    updated_at: datetime | None
    holds: tuple[Hold, ...] = ()

    def at(self, now: datetime) -> Definition:
        """What applications see at `now`."""
        return compose(self.definition, self.holds, now)

    @property
    def digest(self) -> str:
        """SHA-256 of the base definition in canonical JSON."""
        return hashlib.sha256(rfc8785.dumps(self.definition.stored())).hexdigest()


def get(connection: Connection, tenant: TenantId, key: str, *, shadows_of: UUID | None = None) -> StoredFlag | None:
    """Flag `key` with its unreleased holds (shadows: of that incident alone); None = neither stored nor in the
    catalogue."""
    rows = connection.execute(
        text("select * from flags where tenant_id = :t and key = :k"), {"t": tenant, "k": key}
    ).all()
    return _flags(rows, holds_of(connection, tenant, key, shadows_of=shadows_of)).get(key)


def effective(connection: Connection, tenant: TenantId, key: str, now: datetime) -> Definition | None:
    """What applications see of `key` at `now`."""
    flag = get(connection, tenant, key)
    return flag.at(now) if flag else None


def all_flags(connection: Connection, tenant: TenantId) -> dict[str, StoredFlag]:
    """Every flag of `tenant`, the catalogue's included."""
    rows = connection.execute(text("select * from flags where tenant_id = :t"), {"t": tenant}).all()
    return _flags(rows, holds_of(connection, tenant))


def effective_set(connection: Connection, tenant: TenantId, now: datetime) -> dict[str, Definition]:
    """What applications see of every flag at `now`."""
    return {key: flag.at(now) for key, flag in all_flags(connection, tenant).items()}


def put(
    connection: Connection,
    tenant: TenantId,
    key: str,
    definition: Mapping[str, Any],
    *,
    expected_version: int,
    actor: str,
    reason: str,
    at: datetime,
    purpose: str | None = None,
    owner: str | None = None,
) -> int:
    """Make `definition` the new base if the base is still at `expected_version` (0 = not stored yet).

    Returns the new version. Holds are not touched.

    Raises:
        Refused: the definition is not valid, nobody signs for it, or somebody was faster (`flag.conflict`).
    """
    checked = _signed(key, definition, actor, reason)
    before = get(connection, tenant, key)
    if (seen := before.version if before else 0) != expected_version:
        raise conflict(key, expected_version, seen)
    values = {
        "t": tenant, "k": key, "definition": json.dumps(checked.stored()), "at": at,
        "expected": expected_version, "purpose": purpose, "owner": owner,
    }  # fmt: skip
    version: int | None = connection.execute(_CREATE if expected_version == 0 else _UPDATE, values).scalar_one_or_none()
    if version is None:
        raise conflict(key, expected_version, seen + 1)  # somebody committed since we looked
    connection.execute(_REMEMBER, {**values, "version": version, "actor": actor, "reason": reason})
    raise_epoch(connection, tenant)
    audit.append(
        connection, tenant, AuditAction.FLAG_CHANGED, actor=actor, at=at, subject=f"flag:{key}",
        before={"version": before.version, "definition": before.definition.stored()} if before else None,
        after={"version": version, "definition": checked.stored()}, detail={"reason": reason},
    )  # fmt: skip
    return version


def _signed(key: str, definition: Mapping[str, Any], actor: str, reason: str) -> Definition:
    """The definition, valid, and somebody's."""
    if not actor.strip() or not reason.strip():
        raise Refused("flag.unsigned", f"Changing {key} needs an actor and a reason; it was not changed")
    return parse_definition(key, definition)


def history(connection: Connection, tenant: TenantId, key: str) -> list[FlagVersion]:
    """Every version of the base, oldest first."""
    rows = connection.execute(
        text("select * from flag_history where tenant_id = :t and key = :k order by version"), {"t": tenant, "k": key}
    )
    return [
        FlagVersion(
            key=r.key, version=r.version, definition=Definition.model_validate(r.definition),
            actor=r.actor, reason=r.reason, at=r.at,
        )
        for r in rows
    ]  # fmt: skip


def revert(
    connection: Connection,
    tenant: TenantId,
    key: str,
    version: int,
    *,
    expected_version: int,
    actor: str,
    reason: str,
    at: datetime,
) -> int:
    """Put the base of `version` back, exactly, as a new version. Version 0 is the catalogue's own.

    Raises:
        Refused: there is no such version, or somebody was faster.
    """
    known = {v.version: v.definition for v in history(connection, tenant, key)}
    if key in CATALOGUE:
        known[0] = CATALOGUE[key].definition
    if version not in known:
        raise Refused("flag.version", f"{key} has no version {version}; it has {sorted(known) or 'none'}")
    return put(
        connection, tenant, key, known[version].stored(),
        expected_version=expected_version, actor=actor, reason=reason, at=at,
    )  # fmt: skip


def drift_of(connection: Connection, lease: Lease) -> str | None:
    """What people changed by hand on the flag a lease holds, in words; None = nothing, or it holds no flag."""
    if not lease.pre_image or "flag" not in lease.pre_image:
        return None
    flag = get(connection, lease.tenant_id, lease.pre_image["flag"])
    return drift(lease.pre_image, flag.version, flag.digest) if flag else None


def without_variant(connection: Connection, key: str, variant: str) -> list[str]:
    """Tenants whose own base of `key` has no such variant: a hold that wants it does not reach them."""
    rows = connection.execute(
        text("select tenant_id from flags where key = :k and not definition->'variants' ? :v order by tenant_id"),
        {"k": key, "v": variant},
    )
    return list(rows.scalars())


_CREATE = text("""
    insert into flags(tenant_id, key, version, definition, purpose, owner, updated_at)
    values(:t, :k, 1, cast(:definition as jsonb), coalesce(:purpose, ''), coalesce(:owner, ''), :at)
    on conflict do nothing returning version
""")
_UPDATE = text("""
    update flags set version = version + 1, definition = cast(:definition as jsonb), updated_at = :at,
        purpose = coalesce(:purpose, purpose), owner = coalesce(:owner, owner)
    where tenant_id = :t and key = :k and version = :expected returning version
""")
_REMEMBER = text("""
    insert into flag_history(tenant_id, key, version, definition, actor, reason, at)
    values(:t, :k, :version, cast(:definition as jsonb), :actor, :reason, :at)
""")


def _flags(rows: Sequence[Row[Any]], holds: Sequence[Hold]) -> dict[str, StoredFlag]:
    found = {
        known.key: StoredFlag(
            key=known.key, version=0, definition=known.definition, purpose=known.purpose, owner="", updated_at=None
        )
        for known in CATALOGUE.values()
    }
    for row in rows:
        found[row.key] = StoredFlag(
            key=row.key, version=row.version, definition=Definition.model_validate(row.definition),
            purpose=row.purpose, owner=row.owner, updated_at=row.updated_at,
        )  # fmt: skip
    return {key: _with_holds(flag, holds) for key, flag in found.items()}


def _with_holds(flag: StoredFlag, holds: Sequence[Hold]) -> StoredFlag:
    return StoredFlag(
        key=flag.key, version=flag.version, definition=flag.definition, purpose=flag.purpose, owner=flag.owner,
        updated_at=flag.updated_at, holds=tuple(h for h in holds if h.key == flag.key),
    )  # fmt: skip
