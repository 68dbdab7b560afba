"""A tick that finds much records it in parts, the worst first; what it cannot finish the next one does."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg.errors import DeadlockDetected
from sqlalchemy import text

from spine.detect.episode import by_urgency, causes
from spine.finding import Finding
from spine.hook import Hooks, IncidentSeen
from spine.settings import Settings
from spine.settings.hook import HookSettings
from store import hooks, incidents
from store.engine import Database
from tasks import detecting
from tasks.detecting import TickResult, tick, ticking

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
RECORD = incidents.record_causes
CRITICAL = {f"t{n:02d}" for n in range(9, 60, 10)}


def _live(database: Database) -> set[str]:
    with database.system() as connection:
        return {str(one.tenant_id) for one in incidents.list_live(connection)}


def test_parts_hold_the_worst_first_and_tenants_in_order(storm: list[Finding]) -> None:
    parts = by_urgency(causes(storm), 25)
    assert [len(part) for part in parts] == [25, 25, 10]
    assert {str(cause.tenant_id) for cause in parts[0]} >= CRITICAL
    for part in parts:
        assert list(part) == sorted(part, key=lambda cause: cause.key), "or two that record at once lock each other"
    assert {cause for part in parts for cause in part} == set(causes(storm))


@pytest.mark.usefixtures("storm")
def test_what_a_tick_recorded_before_it_died_stays_and_the_next_one_does_the_rest(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def dies(*given: Any, **more: Any) -> list[incidents.Opening]:
        calls.append(given)
        if len(calls) == 2:
            raise RuntimeError("killed")
        return RECORD(*given, **more)

    with monkeypatch.context() as first:
        first.setattr(incidents, "record_causes", dies)
        with pytest.raises(RuntimeError, match="killed"):
            tick(database, Settings(), NOW)
    assert len(_live(database)) == 25
    assert _live(database) >= CRITICAL
    result = tick(database, Settings(), NOW + timedelta(seconds=30))
    assert sum(one.opened for one in result.openings) == 35
    assert _live(database) == {f"t{n:02d}" for n in range(60)}
    with database.system() as connection:
        told = connection.execute(text("select count(*) from outbox where topic = 'incident.opened'")).scalar_one()
    assert told == 60, "each was told once"


@pytest.mark.usefixtures("storm")
def test_while_a_tick_records_another_leaves_everything_to_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    others: list[TickResult] = []

    def meanwhile(*given: Any, **more: Any) -> list[incidents.Opening]:
        others.append(tick(database, Settings(), NOW))
        return RECORD(*given, **more)

    monkeypatch.setattr(incidents, "record_causes", meanwhile)
    result = tick(database, Settings(), NOW)
    assert [one.busy for one in others] == [True, True, True]
    assert sum(one.opened for one in result.openings) == 60


@pytest.mark.usefixtures("storm")
def test_each_part_is_told_as_soon_as_it_is_committed(database: Database) -> None:
    parts = ticking(database, Settings(), TickResult(at=NOW))
    assert [(len(openings), len(_live(database))) for openings in parts] == [(25, 25), (25, 50), (10, 60)]


class Listens:
    """A plug-in that is told of incidents, and looks whether another tick could begin meanwhile."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.told: list[tuple[str, bool]] = []
        self.held: list[bool] = []

    def on_incident(self, told: IncidentSeen) -> None:
        self.told.append((str(told.tenant), told.opened))
        with self.database.system() as connection:
            self.held.append(not connection.execute(detecting._LOCK).scalar_one())


@pytest.fixture
def plugin(database: Database, monkeypatch: pytest.MonkeyPatch) -> Listens:
    """Installed, and it must not fail."""
    made = Listens(database)
    installed = Hooks({"listens": made}, HookSettings(), lambda fault: pytest.fail(fault.error))
    monkeypatch.setattr(hooks, "hooks", lambda *_: installed)
    return made


@pytest.mark.usefixtures("storm")
def test_plug_ins_are_told_of_everything_when_no_tick_waits_for_them(database: Database, plugin: Listens) -> None:
    parts = ticking(database, Settings(), TickResult(at=NOW))
    next(parts)
    assert plugin.told == []
    parts.close()
    assert sorted(plugin.told) == [(tenant, True) for tenant in sorted(_live(database))], "a closed tick tells, too"
    assert plugin.held == [False] * 25


@pytest.mark.usefixtures("storm")
def test_plug_ins_are_not_told_of_what_was_rolled_back(
    database: Database, plugin: Listens, monkeypatch: pytest.MonkeyPatch
) -> None:
    tick(database, Settings(), NOW)
    plugin.told.clear()
    with database.system() as connection:
        given_back = [incidents.Opening(one, True, False, NOW) for one in incidents.list_live(connection)]
    monkeypatch.setattr(incidents, "restore", lambda *_, **__: given_back)
    monkeypatch.setattr(incidents, "settle", lambda *_, **__: pytest.fail("the transaction failed"))
    with pytest.raises(pytest.fail.Exception):
        tick(database, Settings(), NOW + timedelta(seconds=30))
    assert plugin.told == []


@pytest.mark.usefixtures("storm")
def test_plug_ins_that_are_slow_are_not_waited_for_and_that_is_counted(
    database: Database, plugin: Listens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks, "_TELLING_SECONDS", 0)
    assert sum(one.opened for one in tick(database, Settings(), NOW).openings) == 60
    with database.system() as connection:
        (left_out,) = hooks.faults(connection)
    assert (left_out.kind, left_out.times) == ("left_out", 1)
    assert left_out.last_error == f"{(n := len(plugin.told))} incidents took plug-ins 0 s; {60 - n} are left out"


@pytest.mark.usefixtures("storm")
def test_a_part_that_loses_a_race_for_locks_is_recorded_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = []

    def loses_once(*given: Any, **more: Any) -> list[incidents.Opening]:
        done = RECORD(*given, **more)
        if not lost:
            lost.append(len(done))
            raise DeadlockDetected("deadlock detected")
        return done

    monkeypatch.setattr(incidents, "record_causes", loses_once)
    result = tick(database, Settings(), NOW)
    assert lost == [25]
    assert sum(one.opened for one in result.openings) == 60
