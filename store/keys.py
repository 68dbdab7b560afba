"""API keys: opaque, 256 bit, kept as their SHA-256 only. Making and ending one is audited in its transaction."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from sqlalchemy import Connection, text

from spine.audit import AuditAction
from spine.ids import PersonId, TenantId, mint
from store import audit

_PREFIX = "ops_"
"""So that secret scanners, and people, can tell what they found."""
_OPERATOR = "operator"
"""Who makes and ends keys, where no account is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key as stored: whose it is and what it may do."""

    id: UUID
    tenant_id: TenantId
    name: str
    scopes: tuple[str, ...]
    made_by: PersonId | None = None
    """Whose wishes the key's are: who made it approves nothing that it asks for; None = an operator made it."""


def add_key(
    connection: Connection, tenant: TenantId, name: str, scopes: Sequence[str], *, now: datetime,
    actor: str = _OPERATOR, made_by: PersonId | None = None,
) -> tuple[ApiKey, str]:  # fmt: skip
    """Make a key; returns it with the secret, which is shown once and stored nowhere."""
    secret = _PREFIX + secrets.token_urlsafe(32)
    key = ApiKey(id=mint(), tenant_id=tenant, name=name, scopes=tuple(scopes), made_by=made_by)
    connection.execute(
        text(
            "insert into api_keys(id, tenant_id, name, sha256, scopes, created_at, made_by)"
            " values(:id, :tenant, :name, :sha256, :scopes, :now, :made_by)"
        ),
        {
            "id": key.id,
            "tenant": tenant,
            "name": name,
            "sha256": sha256(secret.encode()).digest(),
            "scopes": list(scopes),
            "now": now,
            "made_by": made_by,
        },
    )
    _record(connection, tenant, name, actor, now, {"key": name, "id": key.id, "scopes": key.scopes})
    return key, secret


def find_key(connection: Connection, secret: str, *, now: datetime) -> ApiKey | None:
    """The live key with this secret, or None; its last use is noted once a minute.

    Found by the digest of 256 random bits: the comparison's timing tells nothing worth knowing.
    """
    row = connection.execute(
        text(
            "select id, tenant_id, name, scopes, last_used_at, made_by from api_keys"
            " where sha256 = :s and revoked_at is null"
        ),
        {"s": sha256(secret.encode()).digest()},
    ).one_or_none()
    if row is None:
        return None
    if row.last_used_at is None or (now - row.last_used_at).total_seconds() > 60:
        connection.execute(text("update api_keys set last_used_at = :now where id = :id"), {"now": now, "id": row.id})
    return ApiKey(
        id=row.id, tenant_id=TenantId(row.tenant_id), name=row.name, scopes=tuple(row.scopes), made_by=row.made_by
    )


def revoke_key(connection: Connection, tenant: TenantId, name: str, *, now: datetime, actor: str = _OPERATOR) -> int:
    """End every live key of `tenant` named `name`; returns how many."""
    ended = connection.execute(
        text("update api_keys set revoked_at = :now where tenant_id = :t and name = :n and revoked_at is null"),
        {"now": now, "t": tenant, "n": name},
    ).rowcount
    if ended:
        _record(connection, tenant, name, actor, now, {"revoked": ended})
    return ended


def end_key(connection: Connection, tenant: TenantId, key: UUID, *, now: datetime, actor: str) -> bool:
    """End one key of `tenant`; False when there is none, or it has ended already."""
    row = connection.execute(
        text(
            "update api_keys set revoked_at = :now where id = :id and tenant_id = :t and revoked_at is null"
            " returning name"
        ),
        {"now": now, "t": tenant, "id": key},
    ).one_or_none()
    if row is None:
        return False
    _record(connection, tenant, row.name, actor, now, {"revoked": 1, "id": key})
    return True


def list_keys(connection: Connection) -> list[tuple[ApiKey, datetime | None]]:
    """Every live key with its last use, by tenant and name."""
    rows = connection.execute(
        text(
            "select id, tenant_id, name, scopes, last_used_at from api_keys where revoked_at is null"
            " order by tenant_id, name"
        )
    )
    return [
        (ApiKey(id=r.id, tenant_id=TenantId(r.tenant_id), name=r.name, scopes=tuple(r.scopes)), r.last_used_at)
        for r in rows
    ]


def _record(
    connection: Connection, tenant: TenantId, name: str, actor: str, now: datetime, after: dict[str, object]
) -> None:
    audit.append(
        connection, tenant, AuditAction.POLICY_CHANGED, actor=actor, at=now, subject=f"key:{name}", after=after
    )
