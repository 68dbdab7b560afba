"""What an incident's report is made from, read in one transaction: the same whoever asks, console, CLI or flow."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from spine.audit import Link
from spine.errors import Broken
from spine.ids import TenantId
from spine.plan import Decision
from spine.report.account import Account, Receipt
from spine.report.citation import Entry
from spine.settings.report import ReportSettings
from store import leases
from store.audit import opening_of
from store.evidence import digest, evidence_rows
from store.incident_rows import get

_TRAIL = text("""
    select * from audit_entries where incident_id = any(:incidents)
    order by tenant_id, seq""")


def account(connection: Connection, incident_id: UUID, settings: ReportSettings, *, now: datetime) -> Account:
    """Everything known of the incident at `now`.

    Raises:
        Refused: there is no such incident that this role may see.
        Broken: the audit trail holds nothing sound about it.
    """
    incident = get(connection, incident_id)
    sound, broken = trail(connection, [incident_id])
    return Account(
        incident=incident, trail=tuple(sound), broken=tuple(broken),
        decisions=tuple(_decisions(connection, incident_id)),
        receipts=tuple(_receipt(row) for row in evidence_rows(connection, incident_id)),
        leases=tuple(leases.of_incident(connection, incident.id)), settings=settings, made_at=now,
    )  # fmt: skip


def trail(connection: Connection, incidents: Iterable[UUID]) -> tuple[list[Entry], list[int]]:
    """Entries about `incidents` in order; and the numbers of those whose hash is wrong, on which nothing may rest."""
    sound, broken = [], []
    for row in connection.execute(_TRAIL, {"incidents": list(incidents)}):
        if (found := sound_of(link_of(row))) is not None:
            sound.append(found)
        else:
            broken.append(int(row.seq))
    return sound, broken


def sound_of(link: Link) -> Entry | None:
    """The entry in `link`; None = its hash is wrong, or it is no entry at all."""
    try:
        return Entry.of(link)
    except (Broken, ValueError, KeyError, TypeError):
        return None


def link_of(row: Row[Any]) -> Link:
    """An entry of the trail with its place in the chain."""
    return Link(
        TenantId(row.tenant_id), row.seq, bytes(row.prev_hash), bytes(row.hash), row.entry.encode(),
        opening_of(row),
    )  # fmt: skip


def _decisions(connection: Connection, incident_id: UUID) -> list[Decision]:
    """As they are stored; whether they are what was recorded is for the report to say."""
    query = text("select body from decisions where incident_id = :id order by seq")
    return [Decision.model_validate(row.body) for row in connection.execute(query, {"id": incident_id})]


def _receipt(row: dict[str, Any]) -> Receipt:
    return Receipt(
        source=row["source"], window_start=row["window_start"], window_end=row["window_end"], n=row["n"],
        observed=row["observed"], threshold=row["threshold"], body=row["body"], sha256=row["sha256"],
        created_at=row["created_at"], sound=digest(row) == row["sha256"],
    )  # fmt: skip
