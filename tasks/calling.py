"""Calling: whom a step of a policy means, and by which ways they are reached."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection

from spine.ids import PersonId, TenantId
from spine.incident import Incident
from spine.oncall.policy import PolicyStep, destination
from spine.oncall.schedule import duty
from spine.person import Person, Role
from spine.settings import Settings
from store import contacts, escalations, people, policies, schedules
from store.escalations import Escalation, Page

_NOBODY = "nobody is on call"


@dataclass(frozen=True, slots=True)
class Called:
    """Somebody a step means; with neither a person nor a place, nobody, and why."""

    target: str
    person: Person | None = None
    place: str | None = None
    """A channel that is told, instead of a person."""
    problem: str | None = None


def called(
    connection: Connection, settings: Settings, escalation: Escalation, incident: Incident, now: datetime
) -> list[str]:
    """Call everybody of the escalation's next step; returns who, in words. Each person is called once."""
    step = escalation.policy.steps[escalation.next.step]
    words, seen = [], set()
    for one in _meant(connection, escalation.tenant_id, step.targets, now):
        if one.person is not None and one.person.id in seen:
            continue
        to, problem = ([one.place] if one.place else []), one.problem
        if one.person is not None:
            seen.add(one.person.id)
            to = _ways(connection, settings, one.person, important=step.important, waited=timedelta(0))
            problem = None if to or _later(connection, one.person, step.important) else "there is no way to reach them"
        person = one.person.id if one.person else None
        page = escalations.add_page(
            connection, escalation, one.target, person, important=step.important, problem=problem, now=now
        )
        escalations.call(connection, escalation, incident, page, to, now=now)
        who = f"person:{one.person.email}" if one.person else one.place or one.target
        words.append(
            f"{who}: {problem}" if problem else f"{who} called ({one.target})" if one.person else f"{who} told"
        )
    return words


def follow_up(
    connection: Connection,
    settings: Settings,
    escalation: Escalation,
    incident: Incident,
    last: Sequence[Page],
    now: datetime,
) -> None:
    """The later ways by which those who were called want to be reached, as far as their time has come."""
    for page in last:
        person = people.get(connection, page.person_id) if page.person_id and page.problem is None else None
        if person is None or person.disabled_at is not None:
            continue
        to = _ways(connection, settings, person, important=page.important, waited=now - page.at)
        escalations.call(connection, escalation, incident, page.id, to, now=now)


def reachable(
    connection: Connection, settings: Settings, tenant: TenantId, step: PolicyStep, now: datetime
) -> list[tuple[str, str]]:
    """Whom a step would call now, and what keeps each from being reached; "" = nothing does. Nobody is called."""
    found: dict[str, str] = {}
    for one in _meant(connection, tenant, step.targets, now):
        if one.person is None:
            found.setdefault(one.place or one.target, one.problem or "")
        elif one.person.email not in found:
            ways = _ways(connection, settings, one.person, important=step.important, waited=timedelta(0))
            has = ways or _later(connection, one.person, step.important)
            found[one.person.email] = "" if has else "there is no way to reach them"
    return list(found.items())


def usable(channel: str, settings: Settings) -> bool:
    """True when the channel is set up, so that a person can be reached by it."""
    if channel == "email":
        return settings.smtp.host is not None
    if channel == "slack":
        return settings.slack.bot_token is not None
    return True


def _ways(
    connection: Connection, settings: Settings, person: Person, *, important: bool, waited: timedelta
) -> list[str]:
    """Where a page for `person` goes once it has waited so long."""
    have = {contact.name: contact for contact in contacts.of_person(connection, person)}
    rules = contacts.rules(connection, person, important=important)
    due = [rule.contact for rule in rules if timedelta(minutes=rule.after_minutes) <= waited and rule.contact in have]
    found = [have[name].destination for name in due if usable(have[name].channel, settings)]
    if found or any(timedelta(minutes=rule.after_minutes) > waited for rule in rules):
        return found
    return [one.destination for one in have.values() if usable(one.channel, settings)]  # any way is better than none


def _later(connection: Connection, person: Person, important: bool) -> bool:
    return any(rule.after_minutes > 0 for rule in contacts.rules(connection, person, important=important))


def _meant(connection: Connection, tenant: TenantId, targets: Sequence[str], now: datetime) -> Iterator[Called]:
    for target in targets:
        kind, _, name = target.partition(":")
        if place := destination(target):
            yield Called(target, place=str(place))
        elif kind == "schedule":
            yield from _on_call(connection, tenant, target, name, now)
        elif kind == "role":
            yield from _in_role(connection, tenant, target, Role(name))
        else:
            yield _person(connection, target, policies.person_of(target))


def _on_call(connection: Connection, tenant: TenantId, target: str, name: str, now: datetime) -> Iterator[Called]:
    found = schedules.find(connection, tenant, name)
    if found is None:
        yield Called(target, problem="there is no such schedule any more")
        return
    serving = duty(found.schedule, now).people
    if not serving:
        yield Called(target, problem=_NOBODY)
    for one in serving:
        yield _person(connection, target, PersonId(UUID(one)))


def _in_role(connection: Connection, tenant: TenantId, target: str, role: Role) -> Iterator[Called]:
    holders = [one for one in people.everybody(connection) if role in one.roles_in(tenant)]
    if not holders:
        yield Called(target, problem="nobody has this role")
    for one in holders:
        yield Called(target, person=one)


def _person(connection: Connection, target: str, key: PersonId | None) -> Called:
    person = people.get(connection, key) if key else None
    if person is None or person.disabled_at is not None:
        return Called(target, problem="this person is gone")
    return Called(target, person=person)
