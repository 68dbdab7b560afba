"""Waivers of launch items in PostgreSQL. Every change is written with its audit entry."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from spine.audit import AuditAction
from spine.errors import Refused
from spine.ids import PersonId, TenantId
from spine.launch import Waiver
from store import audit


def waivers(connection: Connection, tenant: TenantId, *, now: datetime | None = None) -> list[Waiver]:
    """The tenant's waivers, newest first; with `now` only those that count then."""
    rows = connection.execute(
        text("select * from launch_waivers where tenant_id = :t order by granted_at desc, id"), {"t": tenant}
    )
    found = [_waiver(row) for row in rows]
    return found if now is None else [one for one in found if one.holds(now)]


def waive(connection: Connection, waiver: Waiver, person: PersonId) -> None:
    """Write a waiver down that was checked (spine/launch.py); it takes the place of an older one of its item."""
    withdraw(connection, waiver.tenant_id, waiver.item, actor=waiver.approver, now=waiver.granted_at, missing_ok=True)
    connection.execute(
        text(
            "insert into launch_waivers(id, tenant_id, item, person_id, approver, reason, granted_at, expires_at)"
            " values(:id, :t, :item, :person, :approver, :reason, :granted, :expires)"
        ),
        {
            "id": waiver.id, "t": waiver.tenant_id, "item": waiver.item, "person": person, "approver": waiver.approver,
            "reason": waiver.reason, "granted": waiver.granted_at, "expires": waiver.expires_at,
        },
    )  # fmt: skip
    audit.append(
        connection, waiver.tenant_id, AuditAction.POLICY_CHANGED, actor=waiver.approver, at=waiver.granted_at,
        subject=f"launch:{waiver.item}", outcome="waived",
        after={"waiver": str(waiver.id), "reason": waiver.reason, "expires_at": waiver.expires_at.isoformat()},
    )  # fmt: skip


def withdraw(
    connection: Connection, tenant: TenantId, item: str, *, actor: str, now: datetime, missing_ok: bool = False
) -> None:
    """Take the waivers of `item` back: it holds launches back again.

    Raises:
        Refused: there is none that counts.
    """
    ended = connection.execute(
        text(
            "update launch_waivers set withdrawn_at = :now where tenant_id = :t and item = :item"
            " and withdrawn_at is null and expires_at > :now returning id"
        ),
        {"t": tenant, "item": item, "now": now},
    ).scalars()
    ids = sorted(map(str, ended))
    if not ids and not missing_ok:
        raise Refused("launch.waiver", f"No waiver of {item} counts now; nothing was done.")
    if ids:
        audit.append(
            connection, tenant, AuditAction.POLICY_CHANGED, actor=actor, at=now, subject=f"launch:{item}",
            outcome="waiver withdrawn", before={"waivers": ids},
        )  # fmt: skip


def _waiver(row: Row[Any]) -> Waiver:
    return Waiver(
        id=row.id, tenant_id=TenantId(row.tenant_id), item=row.item, approver=row.approver, reason=row.reason,
        granted_at=row.granted_at, expires_at=row.expires_at, withdrawn_at=row.withdrawn_at,
    )  # fmt: skip
