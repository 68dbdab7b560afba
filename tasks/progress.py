"""Moves an incident on: state, timeline, audit entry and news, in one transaction, by its current run only."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from spine.audit import AuditAction
from spine.errors import Fenced
from spine.ids import IncidentId
from spine.incident import Incident, IncidentStatus, told
from spine.notification import Topic
from spine.settings import Settings
from store import audit, incidents, outbox, routes

ACTOR = "engine"


def owned(connection: Connection, incident: IncidentId, fence: int | None) -> Incident:
    """The incident, locked, if `fence` is still that of its current run (None = reconcile, which owns none).

    Raises:
        Fenced: `incident.fenced`, a newer run, or people, have taken over.
    """
    found = incidents.get(connection, incident, lock=True)
    if fence is not None and found.fence != fence:
        raise Fenced(
            "incident.fenced",
            f"Incident {incident} was taken over from this run (token {fence}; now it is {found.fence}): a newer run "
            "continues it, or people closed it or took it in hand. This run ends here.",
        )
    return found


def move(
    connection: Connection,
    incident: Incident,
    status: IncidentStatus,
    *,
    at: datetime,
    summary: str,
    detail: Mapping[str, Any] | None = None,
    **columns: object,
) -> Incident:
    """`incident` in `status`; nothing is written when it is there already."""
    if incident.status is status:
        return incident
    return incidents.transition(
        connection, incident.id, status, at=at, actor=ACTOR, summary=summary, detail=detail, **columns
    )


def tell(
    connection: Connection,
    settings: Settings,
    incident: Incident,
    topic: Topic,
    *,
    dedupe: str,
    now: datetime,
    **payload: Any,
) -> None:
    """News for people, delivered after the commit; a drill tells nobody."""
    if incident.synthetic:
        return
    outbox.put(
        connection, incident.tenant_id, topic, {"incident": str(incident.id), **payload}, severity=incident.severity,
        incident_id=incident.id, dedupe=dedupe, now=now,
        channels=routes.destinations(connection, incident, topic, settings.notify, now=now),
    )  # fmt: skip


def escalate(connection: Connection, settings: Settings, incident: Incident, because: str, now: datetime) -> Incident:
    """Hand the incident to people: nothing automatic happens to it any more, except that leases end."""
    if incident.status is IncidentStatus.ESCALATED:
        return incident
    moved = move(connection, incident, IncidentStatus.ESCALATED, at=now, summary=f"Escalated: {because}")
    tell(
        connection, settings, moved, Topic.INCIDENT_ESCALATED, dedupe=f"escalated:{incident.id}:{because}", now=now,
        reason=because,
    )  # fmt: skip
    audit.append(
        connection, moved.tenant_id, AuditAction.INCIDENT_ESCALATED, actor=ACTOR, at=now,
        subject=f"incident:{moved.id}", incident_id=moved.id, detail={"because": because},
    )  # fmt: skip
    return moved


def resolve(connection: Connection, settings: Settings, incident: Incident, because: str, now: datetime) -> Incident:
    """End the incident."""
    if incident.status is IncidentStatus.RESOLVED:
        return incident
    moved = move(connection, incident, IncidentStatus.RESOLVED, at=now, summary=f"Resolved: {because}")
    tell(connection, settings, moved, Topic.INCIDENT_RESOLVED, dedupe=f"resolved:{incident.id}", now=now)
    audit.append(
        connection, moved.tenant_id, AuditAction.INCIDENT_CLOSED, actor=ACTOR, at=now,
        subject=f"incident:{moved.id}", incident_id=moved.id, after=told(moved), detail={"because": because},
    )  # fmt: skip
    return moved
