"""Steering: open the room of every grave incident, and say what is overdue in it. Driven by reconcile.

What is overdue is told once for each moment it was due at, under the incident's lock: a second round, or a process
that died in between, tells nothing twice and leaves nothing out.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection, text

from spine.ids import IncidentId, PersonId
from spine.incident import Incident, IncidentStatus
from spine.notification import Topic
from spine.person import Role
from spine.room import Due, Room, RoomRole, dues
from spine.settings import Settings
from spine.severity import Severity
from store import escalations, incidents, outbox, people, rooms, routes
from store.engine import Database
from store.retry import retrying

ACTOR = "engine"
_LOOK = timedelta(hours=1)
"""A room is looked at so often at least: what is due changes as its incident grows old."""


@dataclass(slots=True)
class Steered:
    """What one round did."""

    told: int = 0
    """Overdue things that people were told of."""
    problems: list[str] = field(default_factory=list)


def steer(database: Database, settings: Settings, now: datetime) -> Steered:
    """One round over all live incidents of high severity and above. Drills and suppressed ones are left alone."""
    done = Steered()
    with database.system() as connection:
        live = rooms.to_look_at(connection, now)
    for key in live:
        try:
            done.told += retrying(partial(_attend, database, settings, key, now))
        except Exception as error:  # one incident's trouble keeps no other waiting
            done.problems.append(f"deadlines of incident {key}: {type(error).__name__}: {error}")
    return done


def _grave(incident: Incident) -> bool:
    return incident.severity >= Severity.HIGH and not incident.synthetic and incident.suppressed_by is None


def _attend(database: Database, settings: Settings, key: IncidentId, now: datetime) -> int:
    with database.system() as connection:
        incident = incidents.get(connection, key, lock=True)
        if incident.status is IncidentStatus.RESOLVED or not _grave(incident):
            return 0
        room = _commanded(connection, incident, rooms.opened(connection, incident, now), now)
        every = dues(room, incident, now, settings.operation)
        told = sum(_tell(connection, settings, incident, one, now) for one in every if one.overdue(now))
        again = min([now + _LOOK, *(one.at for one in every if not one.overdue(now))])
        rooms.looked(connection, incident, again=again, now=now)
        return told


def _commanded(connection: Connection, incident: Incident, room: Room, now: datetime) -> Room:
    """Whoever has taken the incident on commands it, if that is their role and nobody does yet."""
    escalation = escalations.of_incident(connection, incident.id)
    taken = escalation.acknowledged_by if escalation is not None else None
    if taken is None or room.holder(RoomRole.COMMANDER) is not None:
        return room
    person = people.get(connection, PersonId(taken))
    if person is None or Role.INCIDENT_COMMANDER not in person.roles_in(incident.tenant_id):
        return room
    note = "has acknowledged it"
    return rooms.assign(connection, incident, RoomRole.COMMANDER, person, actor=ACTOR, note=note, now=now)


def _tell(connection: Connection, settings: Settings, incident: Incident, due: Due, now: datetime) -> bool:
    """Tell people of one overdue thing; False = they were told of it before."""
    dedupe = f"due:{incident.id}:{due.what}:{due.at.isoformat()}"
    known = connection.execute(
        text("select 1 from incident_timeline where incident_id = :i and detail ->> 'due' = :d limit 1"),
        {"i": incident.id, "d": dedupe},
    ).one_or_none()
    if known is not None:
        return False
    told = f"Overdue since {due.at:%H:%M} UTC, {due.what}. {due.says}"
    rooms.tell(connection, incident, told, actor=ACTOR, now=now, kind=escalations.PAGE, detail={"due": dedupe})
    topic = Topic.INCIDENT_ESCALATED
    outbox.put(
        connection, incident.tenant_id, topic, {"incident": str(incident.id), "reason": told},
        severity=incident.severity, incident_id=incident.id, dedupe=dedupe, now=now,
        channels=routes.destinations(
            connection, incident, topic, settings.notify, now=now, severity=incident.severity
        ),
    )  # fmt: skip
    return True
