"""People at an incident: who has seen it, and what they note. Each with its timeline and its audit entry."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, text

from spine.audit import AuditAction
from spine.ids import PersonId, TenantId
from spine.incident import Incident, IncidentStatus
from spine.notification import Topic
from store import audit, escalations, incidents, outbox
from store.incident_rows import update

_SEEN = "acknowledged"


def acknowledge(
    connection: Connection,
    tenant: TenantId,
    incident_id: UUID,
    *,
    actor: str,
    now: datetime,
    person: PersonId | None = None,
    via: str = "api",
) -> tuple[Incident, str] | None:
    """Note that `actor` has seen the incident; returns it with the name of whoever was first. None = no such incident.

    The first one stays, until people are called anew. An incident that has ended is not acknowledged any more: then
    the name is "". Nobody else is called, and whoever was told hears who has it.
    """
    found = mine(connection, tenant, incident_id)
    if found is None:
        return None
    over = found.status is IncidentStatus.RESOLVED
    stopped = not over and escalations.answer(connection, found, now=now, person=person, via=via)
    if found.acknowledged_at is not None and not stopped:
        return found, _holder(connection, incident_id)
    if over:
        return found, ""
    seen = found if found.acknowledged_at is not None else update(connection, found.id, acknowledged_at=now)
    _tell(connection, seen, _SEEN, actor, f"{actor.removeprefix('person:')} has seen it and takes care", now)
    outbox.put(
        connection, tenant, Topic.INCIDENT_ACKNOWLEDGED, {"incident": str(seen.id), "by": actor, "via": via},
        severity=seen.severity, incident_id=seen.id, dedupe=f"acknowledged:{seen.id}:{now.isoformat()}", now=now,
        channels=escalations.heard(connection, seen.id),
    )  # fmt: skip
    return seen, actor


def note(
    connection: Connection, tenant: TenantId, incident_id: UUID, said: str, *, actor: str, now: datetime
) -> Incident | None:
    """Write a person's note into the incident's story; None = no such incident. `said` is free of secrets by now."""
    found = mine(connection, tenant, incident_id)
    if found is not None:
        _tell(connection, found, "note", actor, said, now)
    return found


def mine(connection: Connection, tenant: TenantId, incident_id: UUID) -> Incident | None:
    """The incident, locked, if it is this tenant's."""
    known = connection.execute(
        text("select id from incidents where id = :id and tenant_id = :tenant"), {"id": incident_id, "tenant": tenant}
    ).one_or_none()
    return incidents.get(connection, known.id, lock=True) if known else None


def _holder(connection: Connection, incident_id: UUID) -> str:
    """Who acknowledged last: whoever did before was silent for too long."""
    query = text(
        "select actor from incident_timeline where incident_id = :id and kind = :kind order by id desc limit 1"
    )
    return str(connection.execute(query, {"id": incident_id, "kind": _SEEN}).scalar_one_or_none() or "somebody")


def _tell(connection: Connection, incident: Incident, kind: str, actor: str, said: str, now: datetime) -> None:
    incidents.append_timeline(connection, incident, now, kind, actor, said)
    audit.append(
        connection, incident.tenant_id, AuditAction.INCIDENT_UPDATED, actor=actor, at=now,
        subject=f"incident:{incident.id}", incident_id=incident.id, outcome=kind, detail={"said": said},
    )  # fmt: skip
