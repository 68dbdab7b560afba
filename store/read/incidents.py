"""Incidents as lists, and what belongs to one: its story, its evidence, its plan."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from spine.incident import Incident, IncidentKind, IncidentStatus
from spine.severity import Severity
from store.incident_rows import COLUMNS, from_row
from store.read.page import Page, Place, newest_first


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentFilter:
    """Which incidents; None = whichever."""

    status: Sequence[IncidentStatus] | None = None
    kind: IncidentKind | None = None
    least: Severity | None = None
    """This severity or worse."""
    live: bool | None = None
    """True = only those that are not resolved, False = only those that are."""
    drills: bool = False
    """True = those of drills, too."""
    since: datetime | None = None
    """Opened then or later."""


_WHERE = """
    (cast(:status as text[]) is null or status = any(:status)) and (cast(:kind as text) is null or kind = :kind)
    and severity >= :least and (cast(:live as boolean) is null or (status <> 'resolved') = :live)
    and (:drills or not synthetic) and (cast(:since as timestamptz) is null or opened_at >= :since)"""


def incidents(
    connection: Connection, wanted: IncidentFilter, *, limit: int, after: Place | None = None
) -> Page[Incident]:
    """The tenant's incidents, newest first."""
    values = {
        "status": None if wanted.status is None else [one.value for one in wanted.status],
        "kind": wanted.kind.value if wanted.kind else None, "least": int(wanted.least or 0), "live": wanted.live,
        "drills": wanted.drills, "since": wanted.since,
    }  # fmt: skip
    query = f"select {COLUMNS} from incidents where {_WHERE}"  # noqa: S608 - constants
    return newest_first(connection, query, values, time="opened_at", limit=limit, after=after, make=from_row)


def incident(connection: Connection, key: UUID) -> Incident | None:
    """One incident of the tenant, or None."""
    row = connection.execute(text(f"select {COLUMNS} from incidents where id = :id"), {"id": key}).one_or_none()  # noqa: S608
    return from_row(row) if row else None


def story(connection: Connection, key: UUID, *, limit: int, after: int = 0) -> tuple[list[dict[str, Any]], int | None]:
    """The incident's timeline in order, from behind line `after`; and the line the next page begins behind."""
    rows = connection.execute(
        text(
            "select id, at, kind, actor, summary, detail from incident_timeline"
            " where incident_id = :key and id > :after order by id limit :n"
        ),
        {"key": key, "after": after, "n": limit + 1},
    ).mappings()
    lines = [dict(row) for row in rows]
    return lines[:limit], lines[limit - 1]["id"] if len(lines) > limit else None


def receipts(connection: Connection, key: UUID) -> list[dict[str, Any]]:
    """The incident's evidence, oldest first."""
    rows = connection.execute(
        text(
            "select id, source, query, window_start, window_end, n, observed, threshold, sha256, created_at"
            " from evidence where incident_id = :key order by created_at, id"
        ),
        {"key": key},
    ).mappings()
    return [dict(row) for row in rows]


def plan(connection: Connection, key: UUID) -> dict[str, Any] | None:
    """The plan in force of an incident as it was frozen (spine.plan.Decision as JSON), or None."""
    found: dict[str, Any] | None = connection.execute(
        text("select body from decisions where incident_id = :key and superseded_at is null order by seq desc limit 1"),
        {"key": key},
    ).scalar_one_or_none()
    return found


def decision(connection: Connection, key: UUID) -> dict[str, Any] | None:
    """A plan as it was frozen, in force or superseded, or None."""
    found: dict[str, Any] | None = connection.execute(
        text("select body from decisions where id = :key"), {"key": key}
    ).scalar_one_or_none()
    return found
