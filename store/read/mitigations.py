"""Mitigations: the ledger's leases as lists."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from spine.lease import Lease, LeaseState
from store.leases import OPEN, from_row
from store.read.page import Page, Place, newest_first


@dataclass(frozen=True, slots=True, kw_only=True)
class MitigationFilter:
    """Which mitigations; None = whichever."""

    state: Sequence[LeaseState] | None = None
    incident: UUID | None = None
    action: str | None = None
    live: bool | None = None
    """True = only what has an end before it, False = only what is over."""
    drills: bool = False


def mitigations(
    connection: Connection, wanted: MitigationFilter, *, limit: int, after: Place | None = None
) -> Page[Lease]:
    """The tenant's mitigations, newest first."""
    query = f"""select * from leases where (cast(:state as text[]) is null or state = any(:state))
        and (cast(:incident as uuid) is null or incident_id = :incident)
        and (cast(:action as text) is null or action_key = :action)
        and (cast(:live as boolean) is null or ({OPEN}) = :live) and (:drills or not shadow)"""  # noqa: S608 - a constant
    values = {
        "state": None if wanted.state is None else [one.value for one in wanted.state],
        "incident": wanted.incident, "action": wanted.action, "live": wanted.live, "drills": wanted.drills,
    }  # fmt: skip
    return newest_first(connection, query, values, time="created_at", limit=limit, after=after, make=from_row)


def mitigation(connection: Connection, key: UUID) -> Lease | None:
    """One mitigation of the tenant, or None."""
    row = connection.execute(text("select * from leases where id = :id"), {"id": key}).one_or_none()
    return from_row(row) if row else None
