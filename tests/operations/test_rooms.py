"""Running an incident: roles are held by one, hand-overs leave a note, what is overdue is told once."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from deployments.cli import app
from spine.errors import Refused
from spine.ids import TenantId
from spine.incident import Incident, IncidentKind, IncidentStatus, incident_id
from spine.oncall.policy import Policy, PolicyStep
from spine.person import Person, Role
from spine.room import RoomRole, dues
from spine.settings import Settings
from spine.severity import Severity
from store import escalations, incident_rows, incidents, people, policies, rooms
from store.engine import Database
from store.oncall import acknowledge
from store.secrets import Vault
from tasks.escalating import call_people
from tasks.steering import steer

ACME = TenantId("acme")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Case:
    """Tenant "acme" with Ann, a commander, and Bob, a responder."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.database = database
        self.settings = settings.model_copy(update={"smtp": Settings(smtp={"host": "127.0.0.1"}).smtp})
        self.ann, self.bob = self.person("ann", Role.INCIDENT_COMMANDER), self.person("bob", Role.RESPONDER)

    def person(self, name: str, role: Role) -> Person:
        with self.database.system() as connection:
            made, _ = people.add(
                connection, f"{name}@example.org", name, [(ACME, role)], vault=Vault.of(self.settings),
                actor="test", now=NOON,
            )  # fmt: skip
        return made

    def incident(self, kind: IncidentKind = IncidentKind.TENANT_LEAK_RISK, **fields: Any) -> Incident:
        own = {
            "id": incident_id(ACME, kind, "one"), "tenant_id": ACME, "kind": kind, "subject": "tenant",
            "status": IncidentStatus.OPEN, "severity": Severity.CRITICAL, "title": "Leak", "first_event_at": NOON,
            "opened_at": NOON, "last_finding_at": NOON,
        }  # fmt: skip
        made = Incident(**{**own, **fields})
        with self.database.system() as connection:
            incident_rows.insert(connection, made)
        return made

    def steer(self, minutes: float) -> int:
        done = steer(self.database, self.settings, NOON + timedelta(minutes=minutes))
        assert done.problems == []
        return done.told

    def due(self, incident: Incident, minutes: float) -> list[str]:
        now = NOON + timedelta(minutes=minutes)
        with self.database.system() as connection:
            room = rooms.opened(connection, incident, now)
        return [one.what for one in dues(room, incident, now, self.settings.operation) if one.overdue(now)]

    def story(self, incident: Incident) -> list[str]:
        with self.database.system() as connection:
            return [line["summary"] for line in incidents.timeline(connection, incident.id)]

    def assign(self, incident: Incident, role: RoomRole, person: Person, note: str = "") -> Any:
        with self.database.system() as connection:
            return rooms.assign(
                connection, incident, role, person, actor="person:ann@example.org", note=note, now=NOON
            )  # fmt: skip


@pytest.fixture
def case(database: Database, sealed: Settings) -> Case:
    return Case(database, sealed)


def test_a_confirmed_leak_wants_a_commander_news_and_counsel_each_told_once(case: Case) -> None:
    leak = case.incident()
    assert [case.steer(minutes) for minutes in (0, 14.9, 15, 15.1, 20, 29, 30, 31)] == [0, 0, 1, 0, 1, 0, 1, 0]
    assert case.due(leak, 31) == ["commander", "update", "counsel"]
    with case.database.system() as connection:
        told = connection.execute(text("select topic, count(*) as n from outbox group by 1")).all()
    assert [(row.topic, row.n) for row in told] == [("incident.escalated", 3)]


def test_a_leak_that_is_only_suspected_and_other_incidents_need_no_counsel(case: Case) -> None:
    high = case.incident(severity=Severity.HIGH)
    assert case.due(high, 29.9) == []
    assert case.due(high, 60) == ["commander", "update"]
    with case.database.system() as connection:
        worse = rooms.opened(connection, incident_rows.update(connection, high.id, severity=Severity.CRITICAL), NOON)
    assert worse.legal, "a leak that is confirmed later brings counsel in"


@pytest.mark.parametrize("fields", [{"synthetic": True, "drill_id": "d1"}, {"severity": Severity.MEDIUM}])
def test_drills_and_lesser_incidents_bother_nobody(case: Case, fields: dict[str, Any]) -> None:
    case.incident(**fields)
    assert case.steer(600) == 0


def test_what_is_done_is_due_no_more_and_the_next_update_is(case: Case) -> None:
    leak = case.incident()
    case.steer(31)
    now = NOON + timedelta(minutes=31)
    with case.database.system() as connection:
        rooms.update(connection, leak, "contained; next at 12:50", actor="person:ann@example.org", now=now)
        rooms.counsel(connection, leak, told=True, aware=True, actor="person:ann@example.org", now=now)
    case.assign(leak, RoomRole.COMMANDER, case.ann)
    assert case.due(leak, 50) == []
    assert case.due(leak, 51) == ["update"]
    assert case.due(leak, 31 + 72 * 60) == ["update", "authority"]
    with case.database.system() as connection:
        room = rooms.counsel(connection, leak, aware=True, actor="person:bob@example.org", now=now + timedelta(hours=1))
        assert room.aware_at == now, "the first moment stays: the clock does not start anew"
        rooms.counsel(connection, leak, says="no risk to people; not told", actor="person:ann@example.org", now=now)
    assert case.due(leak, 31 + 72 * 60) == ["update"]


def _policy() -> Policy:
    return Policy(steps=(PolicyStep(targets=("role:incident_commander",)),))


def test_whoever_acknowledged_and_is_a_commander_commands(case: Case) -> None:
    leak = case.incident()
    with case.database.system() as connection:
        policies.put(connection, ACME, "any", _policy(), version=None, actor="test", now=NOON)
    call_people(case.database, case.settings, NOON)
    with case.database.system() as connection:
        assert acknowledge(connection, leak.id, case.ann, "cli", NOON).new
        assert escalations.of_incident(connection, leak.id) is not None
    case.steer(1)
    with case.database.system() as connection:
        room = rooms.get(connection, leak.id)
    assert room is not None
    held = room.holder(RoomRole.COMMANDER)
    assert held is not None
    assert held.email == "ann@example.org"


def test_a_role_is_handed_over_with_a_note_and_held_by_one_even_in_a_race(case: Case) -> None:
    leak = case.incident()
    case.assign(leak, RoomRole.COMMANDER, case.ann)
    room = case.assign(leak, RoomRole.COMMANDER, case.bob, "contained, cache is cold")
    assert [one.email for one in room.holders] == ["bob@example.org"]
    assert "ann@example.org hands commander over to bob@example.org: contained, cache is cold" in case.story(leak)

    def race(person: Person) -> None:
        case.assign(leak, RoomRole.SCRIBE, person)

    both = [threading.Thread(target=race, args=(one,)) for one in (case.ann, case.bob)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    with case.database.system() as connection:
        held = connection.execute(
            text("select count(*) from incident_roles where role = 'scribe' and ended_at is null")
        ).scalar_one()
    assert held == 1


def test_who_may_not_act_here_gets_no_role_and_a_resolved_incident_is_not_run(case: Case) -> None:
    leak, eve = case.incident(), case.person("eve", Role.VIEWER)
    with pytest.raises(Refused, match="may not run incidents"):
        case.assign(leak, RoomRole.COMMANDER, eve)
    with case.database.system() as connection:
        connection.execute(text("update incidents set status = 'resolved', resolved_at = opened_at"))
        over = incidents.get(connection, leak.id)
    with pytest.raises(Refused, match="resolved"):
        case.assign(over, RoomRole.COMMANDER, case.ann)
    assert case.steer(600) == 0


def test_notices_of_what_is_overdue_are_nothing_that_happens_to_an_incident(case: Case) -> None:
    leak = case.incident()
    case.steer(31)
    with case.database.system() as connection:
        assert escalations.last_event(connection, leak.id) is None


def test_the_command_line_shows_assigns_and_says_by_its_exit_code_what_is_overdue(
    case: Case, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    leak = case.incident()
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("OPSSPINE_SECRET_KEY", case.settings.secret_key.get_secret_value())  # type: ignore[union-attr]
    key, by = str(leak.id), ("--as", "ann@example.org")

    def run(*words: str) -> Any:
        return CliRunner().invoke(app, ["escalation", *words])

    assert run("show", key).exit_code == 1
    assert "bob@example.org since" in run("assign", key, "commander", "bob@example.org", *by).output
    assert run("update", key, "contained", *by).exit_code == 0
    assert run("counsel", key, "--told", *by).exit_code == 0
    shown = run("show", key)
    assert (shown.exit_code, "commander: bob@example.org" in shown.output) == (0, True)
    assert run("counsel", key, *by).exit_code != 0
    assert run("assign", key, "scribe", "ann@example.org", "--as", "nobody@example.org").exit_code != 0
