"""The newest entries of the audit trail, of all chains together."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from spine.audit import AuditAction
from spine.ids import TenantId


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries; None = all."""

    tenant: TenantId | None = None
    action: AuditAction | None = None
    incident: UUID | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry with its place in its chain."""

    tenant: TenantId
    seq: int
    at: datetime
    event: dict[str, Any]
    """The CloudEvent, and its `seq`."""


def newest(connection: Connection, wanted: Wanted, limit: int, *, since: datetime | None = None) -> list[Entry]:
    """The newest `limit` entries, oldest first; with `since` only those of then or later."""
    rows = connection.execute(
        _NEWEST,
        {
            "tenant": wanted.tenant, "action": wanted.action.value if wanted.action else None,
            "incident": wanted.incident, "since": since, "n": limit,
        },
    ).all()  # fmt: skip
    return [
        Entry(TenantId(row.tenant_id), row.seq, row.at, {**json.loads(row.entry), "seq": row.seq})
        for row in reversed(rows)
    ]


_NEWEST = text("""
    select e.tenant_id, e.seq, e.at, e.entry from audit_heads h
    cross join lateral (
        select * from audit_entries e
        where e.tenant_id = h.tenant_id and (cast(:action as text) is null or e.action = :action)
          and (cast(:incident as uuid) is null or e.incident_id = :incident)
          and (cast(:since as timestamptz) is null or e.at >= :since)
        order by e.seq desc limit :n) as e
    where cast(:tenant as text) is null or h.tenant_id = :tenant
    order by e.at desc, e.tenant_id, e.seq desc limit :n""")
