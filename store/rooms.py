"""How incidents are run, in PostgreSQL: roles, updates, counsel. Every step with its timeline and its audit entry."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from spine.audit import AuditAction
from spine.errors import Refused
from spine.ids import IncidentId, TenantId, mint
from spine.incident import Incident, IncidentStatus
from spine.notification import Topic
from spine.person import Person
from spine.policy import may_refuse
from spine.room import Holder, Room, RoomRole, needs_counsel
from spine.severity import Severity
from store import audit, escalations, incidents, outbox

_YOUNG = timedelta(minutes=1)
"""Nothing is due so soon: a storm is told of before its rooms are opened."""
KIND = "room"
"""Kind of the timeline's lines about how an incident is run."""


def opened(connection: Connection, incident: Incident, now: datetime) -> Room:
    """The room of an incident, locked; it opens with the incident. Of a confirmed leak counsel belongs to it."""
    values = {
        "id": incident.id, "t": incident.tenant_id, "at": min(incident.opened_at, now),
        "legal": needs_counsel(incident),
    }  # fmt: skip
    connection.execute(
        text(
            "insert into incident_rooms(incident_id, tenant_id, opened_at, legal) values(:id, :t, :at, :legal)"
            " on conflict(incident_id) do nothing"
        ),
        values,
    )
    connection.execute(
        text("update incident_rooms set legal = true where incident_id = :id and :legal and not legal"), values
    )
    connection.execute(text("select 1 from incident_rooms where incident_id = :id for update"), values)
    found = get(connection, incident.id)
    assert found is not None
    return found


def to_look_at(connection: Connection, now: datetime) -> list[IncidentId]:
    """Grave incidents in whose rooms something may be due, worst first: so that a storm of them costs one query."""
    rows = connection.execute(
        text(
            "select i.id from incidents i left join incident_rooms r on r.incident_id = i.id"
            " where i.status <> 'resolved' and i.severity >= :grave and not i.synthetic and i.suppressed_by is null"
            " and i.opened_at <= :young and (r.looked_at is null or r.next_look is null or r.next_look <= :now"
            " or r.severity_seen <> i.severity or i.acknowledged_at > r.looked_at)"
            " order by i.severity desc, i.opened_at, i.id"
        ),
        {"grave": int(Severity.HIGH), "now": now, "young": now - _YOUNG},
    )
    return [IncidentId(key) for key in rows.scalars()]


def looked(connection: Connection, incident: Incident, *, again: datetime, now: datetime) -> None:
    """Note that what is due was seen, and is looked at again then."""
    connection.execute(
        text(
            "update incident_rooms set looked_at = :now, next_look = :again,"
            " severity_seen = :severity where incident_id = :id"
        ),
        {"id": incident.id, "now": now, "again": again, "severity": int(incident.severity)},
    )


def get(connection: Connection, incident: IncidentId) -> Room | None:
    """The room of an incident, if it was opened."""
    row = connection.execute(
        text("select * from incident_rooms where incident_id = :id"), {"id": incident}
    ).one_or_none()
    if row is None:
        return None
    holders = connection.execute(
        text(
            "select r.role, r.person_id, p.email, r.since, r.note from incident_roles r join people p"
            " on p.id = r.person_id where r.incident_id = :id and r.ended_at is null order by r.since"
        ),
        {"id": incident},
    )
    return _room(row, tuple(_holder(one) for one in holders))


def assign(
    connection: Connection, incident: Incident, role: RoomRole, person: Person, *, actor: str, note: str, now: datetime
) -> Room:
    """Give `role` to `person`; whoever held it before hands over, with `note`. Held already, nothing changes.

    Raises:
        Refused: `room.person`, they may not take on incidents here; `room.over`, it is resolved.
    """
    _live(incident)
    if person.drill or not may_refuse(person.roles_in(incident.tenant_id)):
        raise Refused(
            "room.person",
            f"{person.email} may not run incidents of tenant {incident.tenant_id}: it takes a responder, an incident "
            "commander or a security admin. Nothing was changed.",
        )
    before = opened(connection, incident, now).holder(role)
    if before is not None and before.person_id == person.id:
        return opened(connection, incident, now)
    values = {
        "id": mint(), "t": incident.tenant_id, "incident": incident.id, "role": role.value, "person": person.id,
        "now": now, "by": actor, "note": note.strip(),
    }  # fmt: skip
    connection.execute(
        text("update incident_roles set ended_at = :now where incident_id = :incident and role = :role"
             " and ended_at is null"), values,
    )  # fmt: skip
    connection.execute(
        text(
            "insert into incident_roles(id, tenant_id, incident_id, role, person_id, since, given_by, note)"
            " values(:id, :t, :incident, :role, :person, :now, :by, :note)"
        ),
        values,
    )
    _set(connection, incident)
    took = f"{before.email} hands {role.value} over to {person.email}" if before else f"{person.email} is {role.value}"
    tell(connection, incident, took + (f": {note.strip()}" if note.strip() else ""), actor=actor, now=now)
    return opened(connection, incident, now)


def update(connection: Connection, incident: Incident, said: str, *, actor: str, now: datetime) -> Room:
    """Tell everybody who heard of it how it stands; the next update is due anew.

    Raises:
        Refused: `room.empty`, nothing was said; `room.over`, it is resolved.
    """
    _live(incident)
    if not said.strip():
        raise Refused("room.empty", "An update says how it stands and when the next one comes. Nothing was told.")
    opened(connection, incident, now)
    _set(connection, incident, updated_at=now)
    tell(connection, incident, f"Update: {said.strip()}", actor=actor, now=now)
    outbox.put(
        connection, incident.tenant_id, Topic.INCIDENT_UPDATED, {"incident": str(incident.id), "reason": said.strip()},
        severity=incident.severity, incident_id=incident.id, dedupe=f"update:{incident.id}:{now.isoformat()}", now=now,
        channels=escalations.heard(connection, incident.id),
    )  # fmt: skip
    return opened(connection, incident, now)


def counsel(
    connection: Connection, incident: Incident, *, told: bool = False, aware: bool = False, says: str = "", actor: str,
    now: datetime,
) -> Room:  # fmt: skip
    """Note that counsel was told, that we became aware, or what counsel decided. The first time of each stays.

    Raises:
        Refused: `room.empty`, none of them was given.
    """
    if not (told or aware or says.strip()):
        raise Refused("room.empty", "Say --told, --aware, or --says with what counsel decided. Nothing was written.")
    room = opened(connection, incident, now)
    if told and room.counsel_told_at is None:
        _set(connection, incident, counsel_told_at=now, counsel_told_by=actor)
        tell(connection, incident, "Counsel was told", actor=actor, now=now, detail={"counsel": "told"})
    if aware and room.aware_at is None:
        _set(connection, incident, aware_at=now, aware_by=actor)
        tell(
            connection, incident, "We are aware: from here the time to tell the authority counts", actor=actor, now=now,
            detail={"counsel": "aware"},
        )  # fmt: skip
    if says.strip():
        _set(connection, incident, counsel_says=says.strip())
        decided = f"Counsel decided: {says.strip()}"
        tell(connection, incident, decided, actor=actor, now=now, detail={"counsel": "decided"})
    return opened(connection, incident, now)


def tell(
    connection: Connection, incident: Incident, told: str, *, actor: str, now: datetime,
    kind: str = KIND,
    detail: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """A line of the incident's story, and its audit entry."""
    incidents.append_timeline(connection, incident, now, kind, actor, told, dict(detail or {}))
    audit.append(
        connection, incident.tenant_id, AuditAction.INCIDENT_UPDATED, actor=actor, at=now,
        subject=f"incident:{incident.id}", incident_id=incident.id, outcome="room",
        detail={"told": told, **(detail or {})},
    )  # fmt: skip


def _live(incident: Incident) -> None:
    if incident.status is IncidentStatus.RESOLVED:
        raise Refused("room.over", "The incident is resolved; there is nothing to run any more.")


def _set(connection: Connection, incident: Incident, **values: Any) -> None:
    values["next_look"] = None  # what is due has changed
    names = ", ".join(f"{name} = :{name}" for name in values)
    connection.execute(
        text(f"update incident_rooms set {names} where incident_id = :id"),  # noqa: S608 - our own columns
        {**values, "id": incident.id},
    )


def _holder(row: Row[Any]) -> Holder:
    return Holder(
        role=RoomRole(row.role), person_id=row.person_id, email=row.email, since=row.since, note=row.note
    )  # fmt: skip


def _room(row: Row[Any], holders: tuple[Holder, ...]) -> Room:
    return Room(
        incident_id=row.incident_id, tenant_id=TenantId(row.tenant_id), opened_at=row.opened_at,
        updated_at=row.updated_at, legal=row.legal, counsel_told_at=row.counsel_told_at, aware_at=row.aware_at,
        counsel_says=row.counsel_says, holders=holders,
    )  # fmt: skip
