"""How on-call looks from outside, and what is asked of it."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from gateway.api.field import Line
from gateway.api.view import View
from spine.person import EVERY_TENANT
from store import policies, roster, schedules
from store.duty import Named, OnDuty
from store.escalations import Escalation, Page
from store.policies import StoredPolicy
from store.schedules import Stored, StoredOverride

_WHEN = "2026-11-23T03:04:05Z"


def _near(moment: datetime) -> datetime:
    if not 2000 <= moment.year <= 2200:
        raise ValueError("it lies outside the years 2000 to 2200")
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(_near)]
"""A moment for which there may be a calendar."""


class PersonOnCall(View):
    """Somebody who is called."""

    id: UUID
    name: str = Field(examples=["Ann"])
    email: str = Field(examples=["ann@example.org"], description='"" = they are gone.')

    @classmethod
    def of(cls, one: Named) -> Self:
        """As it is shown."""
        return cls(id=UUID(one.id), name=one.name, email=one.email)


class HandoverView(View):
    """A change to come."""

    at: datetime = Field(examples=[_WHEN])
    comes: list[PersonOnCall]
    because: str = Field(examples=["weekly"])


class Stretch(View):
    """From one moment to another."""

    since: datetime
    until: datetime


class DutyView(View):
    """One schedule at the moment that was asked for."""

    schedule: str = Field(examples=["primary"])
    everybodys: bool = Field(description="It serves every tenant.")
    people: list[PersonOnCall] = Field(description="[] = nobody is on call: a page to this schedule goes on at once.")
    because: str = Field(description='The layer that decides, or "override".')
    next: list[HandoverView]
    gaps: list[Stretch] = Field(description="Hours to come in which nobody is on call.")


class RosterView(View):
    """Who is on call."""

    at: datetime
    schedules: list[DutyView]

    @classmethod
    def of(cls, at: datetime, found: list[OnDuty]) -> Self:
        """As it is shown."""
        shown = [
            DutyView(
                schedule=one.schedule, everybodys=one.everybodys, because=one.because,
                people=[PersonOnCall.of(who) for who in one.people],
                next=[
                    HandoverView(at=c.at, comes=[PersonOnCall.of(who) for who in c.comes], because=c.because)
                    for c in one.next
                ],
                gaps=[Stretch(since=since, until=until) for since, until in one.gaps],
            )
            for one in found
        ]  # fmt: skip
        return cls(at=at, schedules=shown)


class OverrideView(View):
    """Somebody stands in."""

    id: UUID
    schedule: str
    people: list[PersonOnCall]
    starts_at: datetime
    ends_at: datetime
    reason: str
    by: str = Field(description="Who made it.", examples=["person:ann@example.org"])

    @classmethod
    def of(cls, connection: Connection, one: StoredOverride) -> Self:
        """As it is shown."""
        known = roster.names(connection, one.override.people)
        people = [
            PersonOnCall(id=UUID(key), name=known[key].name, email=known[key].email)
            for key in one.override.people if key in known
        ]  # fmt: skip
        return cls(
            id=one.id, schedule=one.schedule, people=people, starts_at=one.override.starts_at,
            ends_at=one.override.ends_at, reason=one.override.reason, by=one.created_by,
        )  # fmt: skip


class ScheduleView(View):
    """Turns that people take. People are named by their addresses."""

    name: str = Field(examples=["primary"])
    everybodys: bool
    version: int
    zone: str = Field(examples=["Europe/Berlin"])
    layers: list[dict[str, Any]]
    overrides: list[OverrideView]

    @classmethod
    def of(cls, connection: Connection, one: Stored, now: datetime) -> Self:
        """As it is shown."""
        made = [
            OverrideView.of(connection, override)
            for override in schedules.overrides(connection, one.tenant_id, since=now)
            if override.schedule == one.schedule.name
        ]
        layers: list[dict[str, Any]] = schedules.by_address(connection, one.schedule.layers)
        return cls(
            name=one.schedule.name, everybodys=one.tenant_id == EVERY_TENANT, version=one.version,
            zone=one.schedule.zone, layers=layers, overrides=made,
        )  # fmt: skip


class PolicyView(View):
    """Who is called after whom."""

    name: str = Field(examples=["default"])
    everybodys: bool
    version: int
    policy: dict[str, Any]

    @classmethod
    def of(cls, connection: Connection, one: StoredPolicy) -> Self:
        """As it is shown."""
        return cls(
            name=one.name, everybodys=one.tenant_id == EVERY_TENANT, version=one.version,
            policy=policies.by_address(connection, one.policy),
        )  # fmt: skip


class PageView(View):
    """One call."""

    at: datetime
    round: int
    step: int
    target: str = Field(examples=["schedule:primary"])
    person: PersonOnCall | None
    important: bool
    delivered: bool
    problem: str | None = Field(description="Why nobody could be called.")


class EscalationView(View):
    """Everything about the calling of people for one incident."""

    incident_id: UUID
    policy: str
    state: str = Field(description="paging, acknowledged, exhausted or ended")
    next_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: PersonOnCall | None
    via: str | None
    pages: list[PageView]

    @classmethod
    def of(cls, connection: Connection, found: Escalation, pages: list[Page]) -> Self:
        """As it is shown."""
        ids = {str(one.person_id) for one in pages if one.person_id}
        ids |= {str(found.acknowledged_by)} if found.acknowledged_by else set()
        known = {
            key: PersonOnCall(id=UUID(key), name=person.name, email=person.email)
            for key, person in roster.names(connection, ids).items()
        }
        shown = [
            PageView(
                at=one.at, round=one.round + 1, step=one.step + 1, important=one.important, delivered=one.delivered,
                target=policies.told(connection, one.target), person=known.get(str(one.person_id)),
                problem=one.problem or ("no message got through" if one.lost else None),
            )
            for one in pages
        ]  # fmt: skip
        return cls(
            incident_id=found.incident_id, policy=found.name, state=found.state, next_at=found.due_at,
            acknowledged_at=found.acknowledged_at, acknowledged_by=known.get(str(found.acknowledged_by)),
            via=found.via, pages=shown,
        )  # fmt: skip


_OVERRIDE: dict[str, Any] = {
    "schedule": "primary", "people": ["bob@example.org"], "starts_at": _WHEN, "ends_at": "2026-11-23T09:00:00Z",
    "reason": "dentist",
}  # fmt: skip


class NewOverride(BaseModel):
    """Who stands in, when."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_OVERRIDE]})
    schedule: Line
    people: list[Line] = Field(min_length=1, max_length=10, description="Addresses of people with a role here.")
    starts_at: Moment
    ends_at: Moment
    reason: Line


class Ask(BaseModel):
    """Which incident is taken on."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"incident_id": "0b5d9c1e-7f0a-5a4e-8a3c-1d2e3f405060"}]}
    )
    incident_id: UUID


class Held(View):
    """Who has it now."""

    incident_id: UUID
    by: str = Field(examples=["person:ann@example.org"])
    new: bool
    says: str
