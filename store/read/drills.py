"""Drills of one tenant as a list, and how fresh each runbook's rehearsal is."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from spine.incident import IncidentKind
from store.drills import DrillRun, from_row


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """How one kind stands."""

    kind: IncidentKind
    last_passed: datetime | None
    """End of its last passed drill in which something opened."""
    names: tuple[str, ...]
    """Drills of it that were ever played."""


def recent(connection: Connection, limit: int) -> list[DrillRun]:
    """The tenant's drills, latest first; those that run on top."""
    rows = connection.execute(
        text("select * from drills order by finished_at is null desc, started_at desc, id limit :n"), {"n": limit}
    )
    return [from_row(row) for row in rows]


def get(connection: Connection, drill_id: str) -> DrillRun | None:
    """One drill of the tenant, or None."""
    row = connection.execute(text("select * from drills where id = :id"), {"id": drill_id}).one_or_none()
    return from_row(row) if row else None


def freshness(connection: Connection) -> dict[IncidentKind, Freshness]:
    """By kind, over all tenants: a runbook is rehearsed wherever it was. Kinds never played are missing."""
    rows = connection.execute(
        text(
            "select kind, max(finished_at) filter (where passed and not negative) as last_passed,"
            " array_agg(distinct name order by name) as names from drills group by kind"
        )
    )
    return {
        IncidentKind(row.kind): Freshness(
            kind=IncidentKind(row.kind), last_passed=row.last_passed, names=tuple(row.names)
        )
        for row in rows
    }
