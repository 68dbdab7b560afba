"""Acknowledging: the one way in which a person says "I have it", wherever they say it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from spine.audit import AuditAction
from spine.incident import Incident
from spine.person import Person
from spine.policy import may_refuse
from store import attend, audit, escalations, incidents


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """What saying "I have it" did."""

    incident: Incident
    by: str
    """Who has it, as the audit trail names them; "" = nobody: the incident is over, or the person was refused."""
    new: bool
    """True when it was this person, now."""
    refused: str | None = None
    """Why this person may not take it on; None = they may."""

    @property
    def sentence(self) -> str:
        """The outcome in words, for whoever acknowledged."""
        if self.refused:
            return self.refused
        if not self.by:
            return "The incident is resolved; there is nothing to take care of."
        if self.new:
            return "You have it: nobody else is called for this incident."
        return f"{self.by.removeprefix('person:')} has it already; nobody else is called."


def acknowledge(connection: Connection, incident: UUID, person: Person, via: str, now: datetime) -> Acknowledged:
    """`person` takes the incident on: calling stops, pages under way are withdrawn, whoever was told hears of it.

    The first one stays; a second one is told who has it. After people were called anew it can be acknowledged anew.
    As the system role; commit whatever the outcome, for a refusal is audited. `via`: "slack", "console", "cli" or
    "api".

    Raises:
        Refused: `incident.unknown`, there is no such incident.
    """
    found, actor = incidents.get(connection, incident, lock=True), f"person:{person.email}"
    if person.drill or not may_refuse(person.roles_in(found.tenant_id)):
        return _refused(connection, found, person, via, now)
    calling = escalations.of_incident(connection, found.id)
    waiting = found.acknowledged_at is None or (calling is not None and calling.state in ("paging", "exhausted"))
    seen = attend.acknowledge(
        connection, found.tenant_id, found.id, actor=actor, now=now, person=person.id, via=via
    )  # fmt: skip
    assert seen is not None  # it is locked, and its own tenant was asked
    after, by = seen
    return Acknowledged(incident=after, by=by, new=waiting and by == actor)


def _refused(connection: Connection, incident: Incident, person: Person, via: str, now: datetime) -> Acknowledged:
    audit.append(
        connection, incident.tenant_id, AuditAction.ACTION_DENIED, actor=f"person:{person.email}", at=now,
        subject=f"incident:{incident.id}", incident_id=incident.id, outcome="refused",
        detail={"reason": "no role that may acknowledge", "via": via},
    )  # fmt: skip
    why = (
        f"{person.email} may not take on incidents of tenant {incident.tenant_id}: it takes a responder, an incident "
        "commander or a security admin. Nothing was changed."
    )
    return Acknowledged(incident=incident, by="", new=False, refused=why)
