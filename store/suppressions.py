"""Suppression windows: announced, running, over."""
# ruff: noqa: S608 - only this module's own constants are put into its SQL

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from spine.audit import AuditAction
from spine.errors import Refused
from spine.ids import TenantId, mint
from spine.incident import IncidentKind
from spine.suppression import Reason, Suppression
from store import audit

COLUMNS = "id, tenant_id, reason, kind, owner, note, starts_at, ends_at, cancelled_at"


def add(
    connection: Connection,
    tenant: TenantId,
    *,
    reason: Reason,
    kind: IncidentKind | None,
    owner: str,
    note: str,
    starts_at: datetime,
    length: timedelta,
    now: datetime,
) -> Suppression:
    """Announce a window, and write the audit entry.

    Raises:
        Refused: it is longer than four hours.
    """
    window = Suppression(
        id=mint(), tenant_id=tenant, reason=reason, kind=kind, owner=owner, note=note,
        starts_at=starts_at, ends_at=starts_at + length,
    )  # fmt: skip
    connection.execute(
        text(
            "insert into suppressions(id, tenant_id, reason, kind, owner, note, starts_at, ends_at)"
            " values(:id, :tenant, :reason, :kind, :owner, :note, :starts, :ends)"
        ),
        {
            "id": window.id, "tenant": tenant, "reason": reason.value, "kind": kind.value if kind else None,
            "owner": owner, "note": note, "starts": window.starts_at, "ends": window.ends_at,
        },
    )  # fmt: skip
    detail = {"reason": reason.value, "kind": kind.value if kind else "all", "note": note, "until": window.ends_at}
    audit.append(
        connection, tenant, AuditAction.POLICY_CHANGED, actor=owner, at=now, subject=f"suppression:{window.id}",
        after=_plain(detail),
    )  # fmt: skip
    return window


def end(connection: Connection, suppression_id: UUID, *, actor: str, now: datetime) -> Suppression:
    """End a window early. What it held back is restored by the next tick.

    Raises:
        Refused: there is none, or it is over already.
    """
    row = connection.execute(
        text(
            f"update suppressions set cancelled_at = :now where id = :id and cancelled_at is null and ends_at > :now"
            f" returning {COLUMNS}"
        ),
        {"id": suppression_id, "now": now},
    ).one_or_none()
    if row is None:
        raise Refused(
            "suppression.over",
            f"There is no running suppression {suppression_id}; `opsspine suppressions list` shows those there are.",
        )
    window = from_row(row)
    audit.append(
        connection, window.tenant_id, AuditAction.POLICY_CHANGED, actor=actor, at=now,
        subject=f"suppression:{window.id}", before={"until": window.ends_at.isoformat()},
        after={"until": now.isoformat()},
    )  # fmt: skip
    return window


def running(connection: Connection, now: datetime) -> list[Suppression]:
    """Windows in force at `now`."""
    rows = connection.execute(
        text(
            f"select {COLUMNS} from suppressions where starts_at <= :now and ends_at > :now"
            " and cancelled_at is null order by tenant_id, ends_at"
        ),
        {"now": now},
    )
    return [from_row(row) for row in rows]


def listed(connection: Connection, now: datetime) -> list[Suppression]:
    """Windows that run or are yet to come, earliest first."""
    rows = connection.execute(
        text(f"select {COLUMNS} from suppressions where ends_at > :now and cancelled_at is null order by starts_at"),
        {"now": now},
    )
    return [from_row(row) for row in rows]


def ended_unnoted(connection: Connection, now: datetime) -> list[Suppression]:
    """Windows that are over and whose incidents have not been restored yet; locked, and noted as restored."""
    rows = connection.execute(
        text(
            "update suppressions set ended_noted_at = :now where id in (select id from suppressions"
            " where ended_noted_at is null and (ends_at <= :now or cancelled_at <= :now) for update skip locked)"
            f" returning {COLUMNS}"
        ),
        {"now": now},
    )
    return sorted((from_row(row) for row in rows), key=lambda window: (window.tenant_id, str(window.id)))


def _plain(detail: dict[str, Any]) -> dict[str, Any]:
    return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in detail.items()}


def from_row(row: Row[Any]) -> Suppression:
    """A window out of its row."""
    values = dict(row._mapping)
    return Suppression(
        **values
        | {
            "tenant_id": TenantId(values["tenant_id"]),
            "reason": Reason(values["reason"]),
            "kind": IncidentKind(values["kind"]) if values["kind"] else None,
        }
    )
