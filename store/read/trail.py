"""The audit trail as a list: newest first, by the entry's number in its tenant's chain."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from spine.audit import AuditAction


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailFilter:
    """Which entries; None = whichever."""

    action: AuditAction | None = None
    incident: UUID | None = None
    actor: str | None = None
    request: str | None = None
    """Only what this request, and the runs it caused, wrote."""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailEntry:
    """One entry with its place in the chain. `event` is the CloudEvent that the hash covers."""

    seq: int
    id: UUID
    hash: str
    previous: str
    event: dict[str, Any]


_SELECT = "select seq, id, hash, prev_hash, entry from audit_entries"
_WHERE = """
    (cast(:action as text) is null or action = :action) and (cast(:incident as uuid) is null or incident_id = :incident)
    and (cast(:since as timestamptz) is null or at >= :since) and (cast(:until as timestamptz) is null or at < :until)
    and (cast(:actor as text) is null or entry::jsonb #>> '{data,actor}' = :actor)
    and (cast(:request as text) is null or entry::jsonb #>> '{data,detail,request}' = :request)
    and (cast(:before as bigint) is null or seq < :before)"""


def trail(
    connection: Connection, wanted: TrailFilter, *, limit: int, before: int | None = None
) -> tuple[list[TrailEntry], int | None]:
    """The tenant's entries with numbers below `before`, newest first; and the number the next page begins below."""
    values = {
        "action": wanted.action.value if wanted.action else None, "incident": wanted.incident, "actor": wanted.actor,
        "request": wanted.request, "since": wanted.since, "until": wanted.until, "before": before, "n": limit + 1,
    }  # fmt: skip
    rows = connection.execute(text(f"{_SELECT} where {_WHERE} order by seq desc limit :n"), values).all()
    return [_entry(row) for row in rows[:limit]], rows[limit - 1].seq if len(rows) > limit else None


def entry(connection: Connection, seq: int) -> TrailEntry | None:
    """One entry of the tenant's chain, or None."""
    row = connection.execute(text(f"{_SELECT} where seq = :seq"), {"seq": seq}).one_or_none()
    return _entry(row) if row else None


def _entry(row: Row[Any]) -> TrailEntry:
    return TrailEntry(
        seq=row.seq, id=row.id, hash=bytes(row.hash).hex(), previous=bytes(row.prev_hash).hex(),
        event=json.loads(row.entry),
    )  # fmt: skip
