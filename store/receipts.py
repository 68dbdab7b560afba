"""Receipts of upkeep: backups, restores, drills of restoring and erasures, each with its time and what came of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection, text

from spine.audit import AuditAction
from spine.ids import NO_TENANT, TenantId, mint
from store import audit

What = Literal["backup", "restore", "restore-check", "erasure"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """One thing that was done."""

    id: UUID
    what: What
    at: datetime
    ok: bool
    actor: str
    detail: dict[str, Any]


def leave(
    connection: Connection,
    what: What,
    *,
    actor: str,
    at: datetime,
    ok: bool,
    detail: Mapping[str, Any],
    tenant: TenantId = NO_TENANT,
) -> Receipt:
    """Write a receipt and its audit entry, as the system role. `detail` bears no personal data."""
    made = Receipt(mint(), what, at, ok, actor, dict(detail))
    connection.execute(
        text("insert into upkeep_receipts values(:id, :what, :at, :ok, :actor, cast(:detail as jsonb))"),
        {"id": made.id, "what": what, "at": at, "ok": ok, "actor": actor, "detail": json.dumps(made.detail)},
    )
    audit.append(
        connection, tenant, AuditAction.RUNBOOK_RUN, actor=actor, at=at, subject=f"{what}:{made.id}",
        outcome="ok" if ok else "failed", detail=made.detail,
    )  # fmt: skip
    return made


def latest(connection: Connection, what: What, *, ok: bool | None = None) -> Receipt | None:
    """The newest receipt of its kind, or None; with `ok` the newest that ended well, or badly."""
    row = connection.execute(
        text(
            "select * from upkeep_receipts where what = :what and (cast(:ok as boolean) is null or ok = :ok)"
            " order by at desc, id desc limit 1"
        ),
        {"what": what, "ok": ok},
    ).one_or_none()
    return Receipt(row.id, row.what, row.at, row.ok, row.actor, row.detail) if row else None
