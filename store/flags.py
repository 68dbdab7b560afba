"""Flags in PostgreSQL: versioned bases that people edit, seen with the holds that leases put on top.

Every change is written with its audit entry and raises the tenant's epoch, in the caller's transaction.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from spine.errors import Refused
from spine.flag import CATALOGUE, Definition, FlagVersion, Hold, parse_definition
from spine.flag.controller import conflict
from spine.flag.drift import drift
from spine.flag.schedule import Planned, in_order
from spine.flag.stored import StoredFlag as StoredFlag  # noqa: PLC0414 - part of what this module gives out
from spine.ids import TenantId
from spine.lease import Lease
from store import flag_changes, flag_write
from store.flag_holds import holds_of


def get(connection: Connection, tenant: TenantId, key: str, *, shadows_of: UUID | None = None) -> StoredFlag | None:
    """Flag `key` with its unreleased holds (shadows: of that incident alone); None = neither stored nor in the
    catalogue."""
    rows = connection.execute(
        text("select * from flags where tenant_id = :t and key = :k"), {"t": tenant, "k": key}
    ).all()
    holds = holds_of(connection, tenant, key, shadows_of=shadows_of)
    return _flags(rows, holds, flag_changes.planned(connection, tenant, key)).get(key)


def effective(connection: Connection, tenant: TenantId, key: str, now: datetime) -> Definition | None:
    """What applications see of `key` at `now`."""
    flag = get(connection, tenant, key)
    return flag.at(now) if flag else None


def all_flags(connection: Connection, tenant: TenantId) -> dict[str, StoredFlag]:
    """Every flag of `tenant`, the catalogue's included."""
    rows = connection.execute(text("select * from flags where tenant_id = :t"), {"t": tenant}).all()
    return _flags(rows, holds_of(connection, tenant), flag_changes.planned(connection, tenant))


def effective_set(connection: Connection, tenant: TenantId, now: datetime) -> dict[str, Definition]:
    """What applications see of every flag at `now`."""
    return {key: flag.at(now) for key, flag in all_flags(connection, tenant).items() if not flag.base_at(now).archived}


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
    temporary: bool | None = None,
) -> int:
    """Make `definition` the new base if the base is still at `expected_version` (0 = not stored yet).

    Returns the new version. Holds are not touched; what was planned for the flag is overtaken, and does not happen.

    Raises:
        Refused: the definition is not valid, nobody signs for it, or somebody was faster (`flag.conflict`).
    """
    checked = _signed(key, definition, actor, reason)
    flag_write.settle(connection, tenant, key, at)
    if (seen := flag_write.base(connection, tenant, key).version) != expected_version:
        raise conflict(key, expected_version, seen)
    overtaken = flag_write.overtake(connection, tenant, key, at)
    return flag_write.write(
        connection, tenant, key, checked, actor=actor, reason=reason, at=at, purpose=purpose, owner=owner,
        temporary=temporary, detail={"overtaken": [str(one) for one in overtaken]} if overtaken else None,
    )  # fmt: skip


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


def broken(connection: Connection, tenant: TenantId) -> dict[str, str]:
    """Stored flags that are no valid definition (written past `put`), and why. The others are not affected."""
    found = {}
    for row in connection.execute(text("select key, definition from flags where tenant_id = :t"), {"t": tenant}):
        if (why := _fault(row.key, row.definition)) is not None:
            found[row.key] = why
    return found


def _fault(key: str, raw: Any) -> str | None:
    try:
        parse_definition(key, raw)
    except (Refused, TypeError, ValueError, RecursionError) as error:
        return str(error)
    return None


def _flags(rows: Sequence[Row[Any]], holds: Sequence[Hold], planned: Sequence[Planned]) -> dict[str, StoredFlag]:
    found = {
        known.key: StoredFlag(
            key=known.key, version=0, definition=known.definition, purpose=known.purpose, owner="", updated_at=None
        )
        for known in CATALOGUE.values()
    }
    for row in rows:
        found.pop(row.key, None)
        with contextlib.suppress(ValueError, TypeError):  # `broken` tells; one bad flag never takes the set down
            found[row.key] = StoredFlag(
                key=row.key, version=row.version, definition=Definition.model_validate(row.definition),
                purpose=row.purpose, owner=row.owner, temporary=row.temporary, updated_at=row.updated_at,
            )  # fmt: skip
    return {
        key: replace(
            flag,
            holds=tuple(h for h in holds if h.key == key),
            planned=tuple(in_order(p for p in planned if p.key == key)),
        )
        for key, flag in found.items()
    }
