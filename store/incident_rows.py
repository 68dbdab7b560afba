"""Rows of `incidents` and its timeline: reading, writing, the state machine. No rules of detection here."""
# ruff: noqa: S608 - only this module's own constants are put into its SQL

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from spine.detect.episode import Cause
from spine.errors import Refused
from spine.ids import IncidentId, TenantId
from spine.incident import Incident, IncidentKind, IncidentStatus, check_transition
from spine.plain import clean
from spine.severity import Severity
from store.engine import log_when_committed

COLUMNS = (
    "id, tenant_id, kind, subject, status, severity, title, first_event_at, opened_at, last_finding_at, "
    "acknowledged_at, mitigated_at, resolved_at, verify_after, reopens, suppressed_by, flow_run_id, fence, "
    "synthetic, drill_id, summary"
)
_SETTABLE = {
    "severity", "acknowledged_at", "mitigated_at", "resolved_at", "verify_after", "suppressed_by", "flow_run_id",
    "last_finding_at", "summary", "title",
}  # fmt: skip
_CAUSE = "tenant_id = :tenant and kind = :kind and subject = :subject and coalesce(drill_id, '') = :drill"


def get(connection: Connection, incident_id: UUID, *, lock: bool = False) -> Incident:
    """The incident; with `lock`, nobody else changes it until the transaction ends.

    Raises:
        Refused: there is none with this id that this role may see.
    """
    query = f"select {COLUMNS} from incidents where id = :id" + (" for no key update" if lock else "")
    row = connection.execute(text(query), {"id": incident_id}).one_or_none()
    if row is None:
        raise Refused("incident.unknown", f"There is no incident {incident_id}. `opsspine incidents list` shows all.")
    return from_row(row)


def list_live(connection: Connection) -> list[Incident]:
    """Every incident that is not resolved, worst and oldest first."""
    query = f"select {COLUMNS} from incidents where status <> 'resolved' order by severity desc, opened_at, id"
    return [from_row(row) for row in connection.execute(text(query))]


def list_just_resolved(connection: Connection, since: datetime) -> list[Incident]:
    """Incidents that were resolved after `since` and had a run, in the order of their end."""
    query = f"select {COLUMNS} from incidents where status = 'resolved' and resolved_at > :since"
    query += " and flow_run_id is not null order by resolved_at, id"
    return [from_row(row) for row in connection.execute(text(query), {"since": since})]


def list_recent(connection: Connection, limit: int = 50) -> list[Incident]:
    """The latest incidents, live or not, newest first."""
    query = f"select {COLUMNS} from incidents order by opened_at desc, id limit :n"
    return [from_row(row) for row in connection.execute(text(query), {"n": limit})]


def live_of(connection: Connection, cause: Cause) -> Incident | None:
    """The live incident of a cause, locked, or None."""
    query = f"select {COLUMNS} from incidents where {_CAUSE} and status <> 'resolved' for no key update"
    row = connection.execute(text(query), _cause(cause)).one_or_none()
    return from_row(row) if row else None


def lock_live(connection: Connection, tenants: Collection[TenantId]) -> None:
    """Lock the live incidents of these tenants, in one order for all.

    Whoever audits locks the tenant's chain, and a run locks its incident before that: who works on several incidents
    locks them all first.
    """
    connection.execute(
        text(
            "select from incidents where tenant_id = any(:tenants) and status <> 'resolved' order by id"
            " for no key update"
        ),
        {"tenants": sorted(tenants)},
    )


def last_ended(connection: Connection, cause: Cause) -> Incident | None:
    """The incident of a cause that ended last, or None."""
    query = (
        f"select {COLUMNS} from incidents where {_CAUSE} and status = 'resolved'"
        " order by resolved_at desc, opened_at desc, id limit 1"
    )
    row = connection.execute(text(query), _cause(cause)).one_or_none()
    return from_row(row) if row else None


def insert(connection: Connection, incident: Incident) -> bool:
    """Write a new incident; False when it, or another live one of its cause, is there already."""
    names = [name.strip() for name in COLUMNS.split(",")]
    values = {name: getattr(incident, name) for name in names} | {
        "kind": incident.kind.value,
        "status": incident.status.value,
        "severity": incident.severity.value,
        "summary": json.dumps(incident.summary),
    }
    marks = ", ".join("cast(:summary as jsonb)" if name == "summary" else f":{name}" for name in names)
    done = connection.execute(text(f"insert into incidents({COLUMNS}) values({marks}) on conflict do nothing"), values)
    return done.rowcount == 1


def update(connection: Connection, incident_id: UUID, **columns: object) -> Incident:
    """Set columns of an incident, its status excepted (`transition`)."""
    return _set(connection, incident_id, columns)


def transition(
    connection: Connection,
    incident_id: UUID,
    new_status: IncidentStatus,
    *,
    at: datetime,
    actor: str,
    summary: str,
    detail: Mapping[str, Any] | None = None,
    **columns: object,
) -> Incident:
    """Move an incident to `new_status`, set `columns` with it, and write the timeline.

    Raises:
        Refused: the state machine does not allow it.
    """
    old = get(connection, incident_id, lock=True)
    check_transition(old.status, new_status)
    if new_status is IncidentStatus.RESOLVED:
        columns = {"resolved_at": at, **columns}
    new = _set(connection, incident_id, columns, status=new_status.value)
    changed = {"from": old.status.value, "to": new_status.value, **(detail or {})}
    append_timeline(connection, new, at, "status", actor, summary, changed)
    return new


def take(connection: Connection, incident_id: UUID, flow_run_id: UUID | None, *, at: datetime | None = None) -> int:
    """Make a run the incident's owner; returns its fence, which outdates every earlier run's.

    With `at`, the timeline tells of it.
    """
    incident = get(connection, incident_id, lock=True)
    fence: int = connection.execute(
        text("update incidents set fence = fence + 1, flow_run_id = :run where id = :id returning fence"),
        {"id": incident_id, "run": flow_run_id},
    ).scalar_one()
    if at is not None:
        told = "A run took the incident" if fence == 1 else f"Run number {fence} took the incident"
        append_timeline(connection, incident, at, "run", "engine", told, {"run": flow_run_id, "fence": fence})
    return fence


def append_timeline(
    connection: Connection,
    incident: Incident,
    at: datetime,
    kind: str,
    actor: str,
    summary: str,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Write one line of the incident's story; the log of the run, or process, that writes it tells it, too."""
    log_when_committed(connection, clean(f"{kind}: {summary}"))
    connection.execute(
        text(
            "insert into incident_timeline(tenant_id, incident_id, at, kind, actor, summary, detail)"
            " values(:tenant, :incident, :at, :kind, :actor, :summary, cast(:detail as jsonb))"
        ),
        {
            "tenant": incident.tenant_id, "incident": incident.id, "at": at, "kind": kind, "actor": actor,
            "summary": summary, "detail": json.dumps(dict(detail or {}), default=str),
        },
    )  # fmt: skip


def timeline(connection: Connection, incident_id: UUID) -> list[dict[str, Any]]:
    """The incident's story in order: at, kind, actor, summary, detail."""
    rows = connection.execute(
        text("select at, kind, actor, summary, detail from incident_timeline where incident_id = :id order by at, id"),
        {"id": incident_id},
    )
    return [dict(row) for row in rows.mappings()]


def _set(connection: Connection, incident_id: UUID, columns: Mapping[str, object], **fixed: object) -> Incident:
    if unknown := columns.keys() - _SETTABLE:
        raise TypeError(f"columns of incidents that cannot be set: {sorted(unknown)}")
    values = {**columns, **fixed}
    if "summary" in values:
        values["summary"] = json.dumps(values["summary"])
    marks = ", ".join(f"{n} = " + ("cast(:summary as jsonb)" if n == "summary" else f":{n}") for n in values)
    query = f"update incidents set {marks} where id = :id returning {COLUMNS}"
    return from_row(connection.execute(text(query), {**values, "id": incident_id}).one())


def _cause(cause: Cause) -> dict[str, object]:
    return {
        "tenant": cause.tenant_id, "kind": cause.kind.value, "subject": cause.subject, "drill": cause.drill_id or "",
    }  # fmt: skip


def from_row(row: Row[Any]) -> Incident:
    """An incident out of its row."""
    values = dict(row._mapping)
    return Incident(
        **values
        | {
            "id": IncidentId(values["id"]),
            "tenant_id": TenantId(values["tenant_id"]),
            "kind": IncidentKind(values["kind"]),
            "status": IncidentStatus(values["status"]),
            "severity": Severity(values["severity"]),
            "reopens": IncidentId(values["reopens"]) if values["reopens"] else None,
        }
    )
