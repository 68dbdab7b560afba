"""Running an incident: who commands, writes and speaks, and what is due when. Pure.

Source: RUNBOOKS 0 (updates at least every 20 min for 2 h; a commander by 15 or 30 min), 2.5 (legal within 30 min,
"aware" for the 72 h clock, counsel decides), 5.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from spine.ids import IncidentId, PersonId, TenantId
from spine.incident import Incident, IncidentKind
from spine.settings.operation import OperationSettings
from spine.severity import Severity


class RoomRole(StrEnum):
    """What somebody does at an incident. One person may hold several; each is held by one."""

    COMMANDER = "commander"
    """Decides, and does nothing else."""
    SCRIBE = "scribe"
    """Writes down what was seen, decided and done."""
    COMMS = "comms"
    """Tells those who wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds a role, since when."""

    role: RoomRole
    person_id: PersonId
    email: str
    since: datetime
    note: str = ""
    """What the one before handed over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How an incident is run."""

    incident_id: IncidentId
    tenant_id: TenantId
    opened_at: datetime
    updated_at: datetime | None = None
    legal: bool = False
    """True = counsel must be told."""
    counsel_told_at: datetime | None = None
    aware_at: datetime | None = None
    counsel_says: str | None = None
    holders: tuple[Holder, ...] = ()

    def holder(self, role: RoomRole) -> Holder | None:
        """Who holds `role` now."""
        return next((one for one in self.holders if one.role is role), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """One thing that is to be done by a moment."""

    what: str
    """commander | update | counsel | authority"""
    at: datetime
    says: str
    """What is missing, and the command that does it."""

    def overdue(self, now: datetime) -> bool:
        """True once its moment has come."""
        return self.at <= now


def needs_counsel(incident: Incident) -> bool:
    """True when another tenant's data was really shown: whatever comes of it, counsel hears of it."""
    return incident.kind is IncidentKind.TENANT_LEAK_RISK and incident.severity is Severity.CRITICAL


def update_every(severity: Severity, age: timedelta, settings: OperationSettings) -> timedelta | None:
    """How often people are told how it stands; None = when there is news."""
    if severity is Severity.CRITICAL:
        young = timedelta(hours=settings.update_hours)
        return timedelta(minutes=settings.update_minutes) if age < young else young
    return timedelta(minutes=settings.update_high_minutes) if severity is Severity.HIGH else None


def dues(room: Room, incident: Incident, now: datetime, settings: OperationSettings) -> list[Due]:
    """Everything that is still to be done, the earliest first."""
    found, key = [], str(incident.id)[:8]
    if room.holder(RoomRole.COMMANDER) is None and incident.severity >= Severity.HIGH:
        minutes = (
            settings.commander_minutes if incident.severity is Severity.CRITICAL else settings.commander_high_minutes
        )
        says = f"Nobody commands it: `opsspine escalation assign {key} commander EMAIL`"
        found.append(Due(what="commander", at=room.opened_at + timedelta(minutes=minutes), says=says))
    every = update_every(incident.severity, now - room.opened_at, settings)
    if every is not None:
        says = f'People wait to hear how it stands: `opsspine escalation update {key} "…"`'
        found.append(Due(what="update", at=(room.updated_at or room.opened_at) + every, says=says))
    if room.legal and room.counsel_told_at is None:
        says = f"Counsel has not been told of a confirmed leak: `opsspine escalation counsel {key} --told`"
        found.append(Due(what="counsel", at=room.opened_at + timedelta(minutes=settings.legal_minutes), says=says))
    if room.aware_at is not None and room.counsel_says is None:
        says = (
            f"Since {room.aware_at:%Y-%m-%d %H:%M} UTC we are aware; counsel has not decided whether the authority is "
            f'told: `opsspine escalation counsel {key} --says "…"`'
        )
        found.append(Due(what="authority", at=room.aware_at + timedelta(hours=settings.notify_hours), says=says))
    return sorted(found, key=lambda one: one.at)


def missing(room: Room) -> Collection[RoomRole]:
    """Roles nobody holds."""
    return [role for role in RoomRole if room.holder(role) is None]
