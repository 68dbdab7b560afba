"""Escalating: calls who is on call, then who comes next, until somebody acknowledges. Driven by reconcile.

Everything of one step (its pages, their messages, timeline, audit entry, where the escalation stands) is one
transaction under the incident's lock, keyed by turn, round and step: killed at any moment, nobody is called twice for
the same step, and no step is left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy import Connection

from spine.audit import AuditAction
from spine.ids import IncidentId
from spine.incident import Incident, IncidentStatus
from spine.notification import Topic
from spine.oncall.policy import Policy, Position, chosen, next_position
from spine.person import EVERY_TENANT
from spine.settings import Settings
from spine.severity import Severity
from store import audit, escalations, incidents, outbox, policies, routes
from store.engine import Database
from store.escalations import PAGE, Escalation, Page
from store.retry import retrying
from tasks.calling import called, follow_up

ACTOR = "engine"
_WAITS_FOR_PEOPLE = frozenset({IncidentStatus.OPEN, IncidentStatus.AWAITING_APPROVAL, IncidentStatus.ESCALATED})


@dataclass(slots=True)
class Called:
    """What one round did."""

    begun: int = 0
    steps: int = 0
    problems: list[str] = field(default_factory=list)


def call_people(database: Database, settings: Settings, now: datetime) -> Called:
    """One round over everything that people are called for. One incident's trouble does not keep others waiting."""
    done = Called(begun=_begin(database, now))
    with database.system() as connection:
        live = escalations.living(connection)
    for key, incident in live:
        try:
            done.steps += retrying(partial(_attend, database, settings, key, incident, now))
        except Exception as error:  # whatever one incident's rows hold, the others' people are called
            done.problems.append(f"calling people for incident {incident}: {type(error).__name__}: {error}")
    return done


def _begin(database: Database, now: datetime) -> int:
    """Start an escalation for every incident that a policy pages for."""
    with database.system() as connection:
        begun = 0
        known: dict[str, dict[tuple[bool, str], Policy]] = {}
        for incident in escalations.unpaged(connection):
            tenant = incident.tenant_id
            if tenant not in known:
                known[tenant] = {
                    (one.tenant_id != EVERY_TENANT, one.name): one.policy for one in policies.every(connection, tenant)
                }
            name = chosen(known[tenant], incident)
            if name is None:
                continue
            policy = known[tenant].get((True, name)) or known[tenant][False, name]
            begun += escalations.begin(connection, incident, name, policy, now=now)
    return begun


def _attend(database: Database, settings: Settings, key: UUID, incident_id: IncidentId, now: datetime) -> int:
    """Bring one escalation up to `now`; returns how many steps were taken."""
    with database.system() as connection:
        incident = incidents.get(connection, incident_id, lock=True)
        escalation = escalations.locked(connection, key)
        if incident.status is IncidentStatus.RESOLVED:
            escalations.take_back(connection, incident.id, now=now)
            _move(connection, escalation, "ended", escalation.next, None, ended=now)
            return 0
        if incident.suppressed_by is not None:
            return 0
        if escalation.state in ("acknowledged", "exhausted"):
            if not _silent(connection, escalation, incident, settings, now):
                return 0
            escalation = _again(connection, escalation, incident, settings, now)
        return _page_on(connection, settings, escalation, incident, now)


def _page_on(
    connection: Connection, settings: Settings, escalation: Escalation, incident: Incident, now: datetime
) -> int:
    """Take every step that is due: by time, or because everybody of the step before could not be reached."""
    taken = 0
    while escalation.state == "paging":
        last = _last_step(connection, escalation, settings, now)
        lost = bool(last) and all(page.lost for page in last)
        if not lost and (escalation.due_at is None or escalation.due_at > now):
            follow_up(connection, settings, escalation, incident, last, now)
            break
        if escalation.next.step >= len(escalation.policy.steps):
            _exhaust(connection, settings, escalation, incident, now)
            break
        _take(connection, settings, escalation, incident, now, because_lost=lost)
        taken += 1
        escalation = escalations.locked(connection, escalation.id)
    return taken


def _take(
    connection: Connection,
    settings: Settings,
    escalation: Escalation,
    incident: Incident,
    now: datetime,
    *,
    because_lost: bool,
) -> None:
    at = escalation.next
    who = called(connection, settings, escalation, incident, now)
    after = next_position(escalation.policy, at)
    if after is None:  # nobody is left: one more wait, then it is told that nobody answered
        spent = Position(round=at.round, step=len(escalation.policy.steps))
        after = spent, timedelta(minutes=escalation.policy.repeat_after_minutes)
    position, wait = after
    _move(connection, escalation, "paging", position, now + wait)
    early = " at once, for nobody of the step before could be reached" if because_lost else ""
    told = f"Step {at.step + 1}, round {at.round + 1} of {escalation.name}{early}: {'; '.join(who)}"
    _tell(connection, incident, told, now, {"turn": escalation.turn, "round": at.round, "step": at.step})


def _exhaust(
    connection: Connection, settings: Settings, escalation: Escalation, incident: Incident, now: datetime
) -> None:
    """Nobody answered: everybody who can be told is told, whatever the policy."""
    _move(connection, escalation, "exhausted", escalation.next, None)
    rounds = escalation.policy.repeat + 1
    told = f"Nobody acknowledged: policy {escalation.name} was gone through {rounds} times"
    _tell(connection, incident, told, now, {"turn": escalation.turn, "exhausted": True})
    topic = Topic.INCIDENT_ESCALATED
    outbox.put(
        connection, incident.tenant_id, topic, {"incident": str(incident.id), "reason": told},
        severity=Severity.CRITICAL, incident_id=incident.id, dedupe=f"exhausted:{escalation.id}:{escalation.turn}",
        now=now,
        channels=routes.destinations(
            connection, incident, topic, settings.notify, now=now, severity=Severity.CRITICAL
        ),
    )  # fmt: skip


def _silent(
    connection: Connection, escalation: Escalation, incident: Incident, settings: Settings, now: datetime
) -> bool:
    """True when a critical incident waits for people, and nothing has happened to it for too long."""
    if incident.severity is not Severity.CRITICAL or incident.status not in _WAITS_FOR_PEOPLE:
        return False
    seen = [escalation.started_at, escalation.acknowledged_at, escalations.last_event(connection, incident.id)]
    if escalation.state == "exhausted":
        seen.append(max(page.at for page in _all_pages(connection, escalation, settings, now)))
    return now - max(one for one in seen if one) >= timedelta(minutes=settings.oncall.quiet_minutes)


def _again(
    connection: Connection, escalation: Escalation, incident: Incident, settings: Settings, now: datetime
) -> Escalation:
    """Call people anew, from the first step."""
    why = "it was acknowledged" if escalation.state == "acknowledged" else "everybody was called"
    quiet = f"{settings.oncall.quiet_minutes:g} min"
    _tell(connection, incident, f"Nothing happened for {quiet} since {why}: people are called anew", now, {})
    escalations.move(
        connection, escalation.id, state="paging", turn=escalation.turn + 1, at=Position(round=0, step=0), due=now
    )
    return escalations.locked(connection, escalation.id)


def _last_step(connection: Connection, escalation: Escalation, settings: Settings, now: datetime) -> Sequence[Page]:
    """The pages of the step taken last in this turn."""
    mine = [page for page in _all_pages(connection, escalation, settings, now) if page.turn == escalation.turn]
    latest = max(((page.round, page.step) for page in mine), default=None)
    return [page for page in mine if (page.round, page.step) == latest]


def _all_pages(connection: Connection, escalation: Escalation, settings: Settings, now: datetime) -> list[Page]:
    stuck = timedelta(seconds=settings.oncall.stuck_seconds)
    return escalations.pages(connection, escalation.incident_id, now=now, stuck=stuck)


def _move(
    connection: Connection,
    escalation: Escalation,
    state: str,
    at: Position,
    due: datetime | None,
    *,
    ended: datetime | None = None,
) -> None:
    escalations.move(connection, escalation.id, state=state, turn=escalation.turn, at=at, due=due, ended=ended)


def _tell(connection: Connection, incident: Incident, told: str, now: datetime, detail: dict[str, object]) -> None:
    incidents.append_timeline(connection, incident, now, PAGE, ACTOR, told, detail)
    audit.append(
        connection, incident.tenant_id, AuditAction.INCIDENT_ESCALATED, actor=ACTOR, at=now,
        subject=f"incident:{incident.id}", incident_id=incident.id, detail={"told": told, **detail},
    )  # fmt: skip
