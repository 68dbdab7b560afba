"""What leases hold on top of flags: put there, prolonged, released; never an edit of the base.

Every change is written with its audit entry and raises the tenant's epoch, in the caller's transaction.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from spine.audit import AuditAction
from spine.easing import Stage
from spine.flag import Hold
from spine.flag.hold import Scalar
from spine.ids import TenantId
from store import audit
from store.flag_epoch import raise_epoch


def hold(
    connection: Connection,
    tenant: TenantId,
    wanted: Hold,
    *,
    actor: str,
    incident: UUID,
    at: datetime,
    everybody: bool = False,
) -> bool:
    """Put a lease's hold on top of its flag; done again it changes nothing. True = it is new.

    Of a lease that is a shadow it is one, too: written down, and seen by no evaluation but the drill's own.

    `everybody`: it holds the flag of every tenant, for the incident is theirs together.
    """
    new = connection.execute(
        _HOLD,
        {
            "lease": wanted.lease_id, "t": tenant, "k": wanted.key, "variant": wanted.variant,
            "condition": json.dumps(wanted.condition) if wanted.condition else None,
            "metadata": json.dumps(dict(wanted.metadata)), "created": wanted.created_at, "expires": wanted.expires_at,
            "everybody": everybody,
            "easing": json.dumps([[stage.before_end.total_seconds(), stage.back] for stage in wanted.easing]),
        },
    ).one_or_none()  # fmt: skip
    if new is not None:
        _changed_by_lease(
            connection, tenant, wanted, actor=actor, incident=incident, at=at, held=True, shadow=new.shadow
        )
    return new is not None


def release(connection: Connection, lease_id: UUID, *, actor: str, incident: UUID, at: datetime) -> bool:
    """End a lease's hold; the flag is then what it would be without it. True = it was still there."""
    row = connection.execute(
        text(
            "update flag_holds set released_at = :at where lease_id = :id and released_at is null"
            " returning lease_id, tenant_id, key, variant, condition, metadata, created_at, expires_at, easing, shadow"
        ),
        {"at": at, "id": lease_id},
    ).one_or_none()
    if row is None:
        return False
    tenant = TenantId(row.tenant_id)
    _changed_by_lease(
        connection, tenant, _hold(row), actor=actor, incident=incident, at=at, held=False, shadow=row.shadow
    )
    return True


def prolong(
    connection: Connection, lease_id: UUID, until: datetime, *, actor: str, incident: UUID, at: datetime
) -> bool:
    """Let a lease's hold last until `until`; False = it has ended, or lasts as long already."""
    row = connection.execute(
        text(
            "update flag_holds set expires_at = :until where lease_id = :id and released_at is null"
            " and expires_at < :until"
            " returning lease_id, tenant_id, key, variant, condition, metadata, created_at, expires_at, easing, shadow"
        ),
        {"until": until, "id": lease_id},
    ).one_or_none()
    if row is None:
        return False
    _changed_by_lease(
        connection, TenantId(row.tenant_id), _hold(row),
        actor=actor, incident=incident, at=at, held=True, shadow=row.shadow,
    )  # fmt: skip
    return True


def renew(
    connection: Connection,
    lease_id: UUID,
    until: datetime,
    metadata: Mapping[str, Scalar],
    *,
    actor: str,
    incident: UUID,
    at: datetime,
) -> bool:
    """Let a lease's hold last until `until` at least, and say `metadata` beside; False = it has ended."""
    row = connection.execute(
        text(
            "update flag_holds set expires_at = greatest(expires_at, :until),"
            " metadata = metadata || cast(:metadata as jsonb) where lease_id = :id and released_at is null"
            " returning lease_id, tenant_id, key, variant, condition, metadata, created_at, expires_at, easing, shadow"
        ),
        {"until": until, "metadata": json.dumps(dict(metadata)), "id": lease_id},
    ).one_or_none()
    if row is None:
        return False
    _changed_by_lease(
        connection, TenantId(row.tenant_id), _hold(row),
        actor=actor, incident=incident, at=at, held=True, shadow=row.shadow,
    )  # fmt: skip
    return True


def holds_of(
    connection: Connection, tenant: TenantId, key: str | None = None, *, shadows_of: UUID | None = None
) -> list[Hold]:
    """Unreleased holds of the tenant (of one flag) and those of everybody, lapsed ones included.

    Shadows are left out, but for those of the incident `shadows_of`.
    """
    rows = connection.execute(
        text(
            "select * from flag_holds where (tenant_id = :t or everybody) and released_at is null"
            " and (cast(:k as text) is null or key = :k)"
            " and (not shadow or lease_id in (select id from leases where incident_id = :shadows_of))"
        ),
        {"t": tenant, "k": key, "shadows_of": shadows_of},
    )
    return [_hold(row) for row in rows]


_HOLD = text("""
    insert into flag_holds(lease_id, tenant_id, key, variant, condition, metadata, created_at, expires_at, everybody,
        easing, shadow)
    values(:lease, :t, :k, :variant, cast(:condition as jsonb), cast(:metadata as jsonb), :created, :expires,
        :everybody, cast(:easing as jsonb), (select shadow from leases where id = :lease))
    on conflict (lease_id) do nothing returning shadow
""")


def _changed_by_lease(
    connection: Connection,
    tenant: TenantId,
    changed: Hold,
    *,
    actor: str,
    incident: UUID,
    at: datetime,
    held: bool,
    shadow: bool,
) -> None:
    if not shadow:
        raise_epoch(connection, tenant)
    image = {
        "lease": str(changed.lease_id), "variant": changed.variant, "condition": changed.condition,
        "metadata": dict(changed.metadata), "expires_at": changed.expires_at.isoformat(),
        **({"easing": [[stage.before_end.total_seconds(), stage.back] for stage in changed.easing]}
           if changed.easing else {}),
        **({"shadow": True} if shadow else {}),
    }  # fmt: skip
    audit.append(
        connection, tenant, AuditAction.FLAG_CHANGED, actor=actor, at=at, subject=f"flag:{changed.key}",
        incident_id=incident, before={"hold": None if held else image}, after={"hold": image if held else None},
    )  # fmt: skip


def _hold(row: Row[Any]) -> Hold:
    return Hold(
        lease_id=row.lease_id, key=row.key, variant=row.variant, condition=row.condition,
        metadata=row.metadata, created_at=row.created_at, expires_at=row.expires_at,
        easing=tuple(Stage(before_end=timedelta(seconds=left), back=back) for left, back in row.easing),
    )  # fmt: skip
