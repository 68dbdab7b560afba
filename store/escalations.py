"""Escalations: who was called for an incident, whether anybody answered, and what comes next. All under row locks."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from spine.ids import IncidentId, PersonId, TenantId, derive
from spine.incident import Incident
from spine.notification import Topic
from spine.oncall.policy import Policy, Position
from store import incidents, outbox

PAGE = "page"
"""Kind of the timeline's lines about calling people; they do not count as something that happens to an incident."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """The calling of people for one incident."""

    id: UUID
    tenant_id: TenantId
    incident_id: IncidentId
    name: str
    """Of the policy."""
    policy: Policy
    """As it was when the escalation began."""
    state: str
    """paging | acknowledged | exhausted | ended"""
    turn: int
    """How often calling began anew."""
    next: Position
    due_at: datetime | None
    started_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: PersonId | None
    via: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One call for one person, or the record that there was nobody to call."""

    id: UUID
    target: str
    person_id: PersonId | None
    important: bool
    turn: int
    round: int
    step: int
    at: datetime
    problem: str | None
    delivered: bool
    """At least one way got through."""
    lost: bool
    """No way did, or will."""


def unpaged(connection: Connection) -> list[Incident]:
    """Live incidents for which nobody has been called yet, worst first. Drills and suppressed ones call nobody."""
    known = set(connection.execute(text("select incident_id from oncall_escalations where state <> 'ended'")).scalars())
    return [
        incident
        for incident in incidents.list_live(connection)
        if incident.id not in known and not incident.synthetic and incident.suppressed_by is None
    ]


def begin(connection: Connection, incident: Incident, name: str, policy: Policy, *, now: datetime) -> bool:
    """Begin to call people, after the first step's delay; False when somebody was faster.

    An incident that was acknowledged before anybody was called calls nobody.
    """
    seen = incident.acknowledged_at is not None
    done = connection.execute(
        text(
            "insert into oncall_escalations(id, tenant_id, incident_id, policy, body, state, due_at, started_at,"
            " acknowledged_at) values(:id, :t, :incident, :name, cast(:body as jsonb), :state, :due, :now, :seen)"
            " on conflict do nothing"
        ),
        {
            "id": derive("escalation", incident.tenant_id, incident.id), "t": incident.tenant_id,
            "incident": incident.id, "name": name, "body": policy.model_dump_json(), "now": now,
            "state": "acknowledged" if seen else "paging", "seen": incident.acknowledged_at,
            "due": None if seen else now + policy.steps[0].delay,
        },
    )  # fmt: skip
    return done.rowcount == 1


def living(connection: Connection) -> list[tuple[UUID, IncidentId]]:
    """Escalations that are not over, with their incidents, worst first."""
    rows = connection.execute(
        text(
            "select e.id, e.incident_id from oncall_escalations e join incidents i on i.id = e.incident_id"
            " where e.state <> 'ended' order by i.severity desc, e.started_at, e.id"
        )
    )
    return [(row.id, IncidentId(row.incident_id)) for row in rows]


def locked(connection: Connection, key: UUID) -> Escalation:
    """The escalation, which nobody else moves until the transaction ends."""
    row = connection.execute(text("select * from oncall_escalations where id = :id for update"), {"id": key}).one()
    return _escalation(row)


def of_incident(connection: Connection, incident: UUID) -> Escalation | None:
    """The escalation of an incident, if people were or are called for it."""
    row = connection.execute(
        text("select * from oncall_escalations where incident_id = :id"), {"id": incident}
    ).one_or_none()
    return _escalation(row) if row else None


def move(
    connection: Connection,
    key: UUID,
    *,
    state: str,
    turn: int,
    at: Position,
    due: datetime | None,
    ended: datetime | None = None,
) -> None:
    """Put the escalation where it stands next."""
    connection.execute(
        text(
            "update oncall_escalations set state = :state, turn = :turn, round = :round, step = :step, due_at = :due,"
            " ended_at = :ended where id = :id"
        ),
        {
            "id": key, "state": state, "turn": turn, "round": at.round, "step": at.step, "due": due, "ended": ended,
        },
    )  # fmt: skip


def add_page(
    connection: Connection,
    escalation: Escalation,
    target: str,
    person: PersonId | None,
    *,
    important: bool,
    problem: str | None,
    now: datetime,
) -> UUID:
    """Note one call of the step that is taken; done again it changes nothing. Returns its id."""
    where = escalation.next
    key = derive(
        "page", escalation.tenant_id, escalation.id, escalation.turn, where.round, where.step, person or target
    )
    connection.execute(
        text(
            "insert into oncall_pages(id, tenant_id, incident_id, escalation_id, turn, round, step, target, person_id,"
            " important, at, problem) values(:id, :t, :incident, :e, :turn, :round, :step, :target, :person,"
            " :important, :now, :problem) on conflict do nothing"
        ),
        {
            "id": key, "t": escalation.tenant_id, "incident": escalation.incident_id, "e": escalation.id,
            "turn": escalation.turn, "round": where.round, "step": where.step, "target": target, "person": person,
            "important": important, "now": now, "problem": problem,
        },
    )  # fmt: skip
    return key


def call(
    connection: Connection, escalation: Escalation, incident: Incident, page: UUID, to: Iterable[str], *, now: datetime
) -> None:
    """Write the messages of one page, to be delivered after the commit. Written again they change nothing."""
    outbox.put(
        connection, escalation.tenant_id, Topic.PAGE,
        {"incident": str(incident.id), "page": str(page), "policy": escalation.name},
        severity=incident.severity, incident_id=incident.id, dedupe=f"page:{page}", now=now, channels=list(to),
    )  # fmt: skip


_PAGES = """
    select p.*, coalesce(o.sent, false) as delivered, p.problem is not null or coalesce(o.lost, false) as lost
    from oncall_pages p left join lateral (
        select bool_or(o.status = 'sent') as sent,
               bool_and(o.status = 'failed' or (o.status = 'pending' and o.created_at <= :stuck and h.held)) as lost
        from outbox o left join lateral (
            select bool_or(held_until > :now) as held from outbox_channels
            where channel in (o.channel, o.channel || ':' || o.target)) h on true
        where o.incident_id = p.incident_id and o.topic = 'page' and o.payload ->> 'page' = p.id::text) o on true
"""


def pages(connection: Connection, incident: UUID, *, now: datetime, stuck: timedelta) -> list[Page]:
    """Everybody who was called for an incident, in order, and what became of it."""
    rows = connection.execute(
        text(f"{_PAGES} where p.incident_id = :id order by p.at, p.turn, p.round, p.step, p.id"),
        {"id": incident, "now": now, "stuck": now - stuck},
    )
    return [_page(row) for row in rows]


def answer(
    connection: Connection, incident: Incident, *, now: datetime, person: PersonId | None = None, via: str = "api"
) -> bool:
    """Stop calling people: somebody has acknowledged. True when people were being called.

    Messages of pages that are still under way are taken back, and everybody who was told hears of it.
    """
    done = connection.execute(
        text(
            "update oncall_escalations set state = 'acknowledged', acknowledged_at = :now, acknowledged_by = :person,"
            " via = :via, due_at = null where incident_id = :id and state in ('paging', 'exhausted')"
        ),
        {"id": incident.id, "now": now, "person": person, "via": via},
    ).rowcount
    if done:
        take_back(connection, incident.id, now=now)
    return done == 1


def take_back(connection: Connection, incident: UUID, *, now: datetime) -> None:
    """Withdraw pages that were not delivered yet: nobody is woken for what somebody has taken on."""
    connection.execute(
        text(
            "delete from outbox where incident_id = :id and topic = 'page' and status = 'pending'"
            " and (locked_until is null or locked_until <= :now)"
        ),
        {"id": incident, "now": now},
    )


def heard(connection: Connection, incident: UUID) -> list[str]:
    """Where news of the incident went: channels, or channel:target."""
    rows = connection.execute(
        text(
            "select distinct channel, target from outbox where incident_id = :id and status = 'sent'"
            " and topic in ('incident.opened', 'incident.escalated', 'page') order by channel, target"
        ),
        {"id": incident},
    )
    return [f"{row.channel}:{row.target}" if row.target else row.channel for row in rows]


def last_event(connection: Connection, incident: UUID) -> datetime | None:
    """When something last happened to the incident that was not the calling of people."""
    found: datetime | None = connection.execute(
        text("select max(at) from incident_timeline where incident_id = :id and kind <> :page"),
        {"id": incident, "page": PAGE},
    ).scalar_one()
    return found


def _escalation(row: Row[Any]) -> Escalation:
    return Escalation(
        id=row.id, tenant_id=TenantId(row.tenant_id), incident_id=IncidentId(row.incident_id), name=row.policy,
        policy=Policy.model_validate(row.body), state=row.state, turn=row.turn,
        next=Position(round=row.round, step=row.step), due_at=row.due_at, started_at=row.started_at,
        acknowledged_at=row.acknowledged_at, via=row.via,
        acknowledged_by=PersonId(row.acknowledged_by) if row.acknowledged_by else None,
    )  # fmt: skip


def _page(row: Row[Any]) -> Page:
    return Page(
        id=row.id, target=row.target, person_id=PersonId(row.person_id) if row.person_id else None,
        important=row.important, turn=row.turn, round=row.round, step=row.step, at=row.at, problem=row.problem,
        delivered=row.delivered, lost=row.lost,
    )  # fmt: skip
