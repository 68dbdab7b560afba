"""Approvals as lists, with the votes that count."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from spine.approval import Approval, ApprovalStatus
from store.approvals import from_row
from store.read.page import Page, Place, newest_first


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalFilter:
    """Which approvals; None = whichever."""

    status: ApprovalStatus | None = None
    incident: UUID | None = None
    drills: bool = False


def approvals(
    connection: Connection, wanted: ApprovalFilter, *, limit: int, after: Place | None = None
) -> Page[Approval]:
    """The tenant's approvals, newest first."""
    query = """select * from approvals where (cast(:status as text) is null or status = :status)
        and (cast(:incident as uuid) is null or incident_id = :incident) and (:drills or not synthetic)"""
    values = {
        "status": wanted.status.value if wanted.status else None, "incident": wanted.incident, "drills": wanted.drills,
    }  # fmt: skip
    return newest_first(connection, query, values, time="requested_at", limit=limit, after=after, make=from_row)


def approval(connection: Connection, key: UUID) -> Approval | None:
    """One approval of the tenant, or None."""
    row = connection.execute(text("select * from approvals where id = :id"), {"id": key}).one_or_none()
    return from_row(row) if row else None
