"""Every drill of runbooks/drills, held against its declaration: on paper, and on the drill's own clock."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from runbooks import catalogue
from runbooks.drills import drill_named, drills
from spine.drill import Drill, RawEvent, Stage
from spine.errors import Refused
from spine.event import Event, parse_event
from spine.event_type import EventType
from spine.flag import CATALOGUE
from spine.ids import TenantId
from spine.incident import IncidentKind
from spine.settings import PolicySettings, Settings
from store.engine import Database
from store.throwaway import throwaway
from tasks.diagnostics import diagnostics
from tasks.mitigations import actions
from tasks.replaying import replay

TENANT = TenantId("acme")
NOW = datetime(2026, 3, 2, 10, 7, 31, tzinfo=UTC)
ALL = [(kind, drill) for kind, declared in drills().items() for drill in declared]
NEGATIVE = [(kind, drill) for kind, drill in ALL if drill.negative]
each = pytest.mark.parametrize(
    ("kind", "drill"), ALL, ids=[f"{kind.value.lower()}-{drill.name}" for kind, drill in ALL]
)


def stage(seed: int = 1) -> Stage:
    return Stage(tenant=TENANT, seed=seed, end=NOW)


def parsed(raw: list[RawEvent]) -> Iterator[Event]:
    for number, row in enumerate(raw):
        event = parse_event({"id": str(number), **row}, now=NOW + timedelta(seconds=30), tenant=TENANT)
        assert isinstance(event, Event), (row, event)
        yield event


@pytest.mark.parametrize("kind", list(drills()), ids=lambda kind: kind.value.lower())
def test_a_kind_has_a_runbook_and_drills_of_both_signs_under_different_names(kind: IncidentKind) -> None:
    declared = drills()[kind]
    assert kind in catalogue()
    assert not declared[0].negative, "the first drill is what `opsspine drill KIND` plays"
    assert any(drill.negative for drill in declared)
    assert len({drill.name for drill in declared}) == len(declared)
    assert drill_named(kind, "") is declared[0]


@each
def test_the_same_seed_plays_the_same_evidence(kind: IncidentKind, drill: Drill) -> None:
    assert drill.script(stage()) == drill.script(stage())


@each
def test_evidence_is_accepted_by_ingest_and_never_later_than_the_end(kind: IncidentKind, drill: Drill) -> None:
    events = list(parsed(drill.script(stage())))
    assert events
    assert max(event.occurred_at for event in events) <= NOW
    assert all(event.type is not EventType.OTHER for event in events)


@each
@pytest.mark.parametrize("mitigated", [False, True])
def test_what_goes_on_lies_within_the_time_asked_for(kind: IncidentKind, drill: Drill, mitigated: bool) -> None:
    until = NOW + timedelta(seconds=2)
    events = list(parsed(drill.traffic(stage(), NOW, until, mitigated)))
    assert all(NOW < event.occurred_at <= until for event in events)
    assert drill.negative or events, "without traffic nothing can be verified"


@each
def test_a_drill_names_only_what_exists(kind: IncidentKind, drill: Drill) -> None:
    PolicySettings(**drill.site)
    assert drill.site.keys() <= PolicySettings.model_fields.keys()
    assert drill.answers.keys() <= diagnostics().keys()
    if drill.expected is not None:
        ladder = set(catalogue()[kind].ladder)
        named = {*drill.expected.steps, *drill.expected.denied}
        assert named <= ladder
        flags = {actions()[key].spec.flag_key for key in drill.expected.steps}
        assert drill.expected.flags.keys() <= flags
        for flag, value in drill.expected.flags.items():
            assert value in CATALOGUE[flag].definition.variants.values(), f"{flag} never has the value {value!r}"
        assert drill.refuses <= drill.expected.steps.keys()


@pytest.mark.parametrize(("kind", "drill"), NEGATIVE, ids=[f"{kind.value.lower()}-{d.name}" for kind, d in NEGATIVE])
def test_what_only_looks_like_trouble_opens_nothing(kind: IncidentKind, drill: Drill, database: Database) -> None:
    """Positive drills: test_rehearsed_plans.py."""
    with throwaway(database, application="drill") as own:
        events = list(parsed(drill.script(stage())))
        found = replay(own, TENANT, events, Settings(), end=NOW, minutes=drill.replay_minutes)
    assert found.opened == []
    assert found.ticks == drill.replay_minutes + 1


def test_a_drill_that_is_not_declared_is_refused_by_name() -> None:
    with pytest.raises(Refused, match="no drill 'other'"):
        drill_named(IncidentKind.FAILED_LOGINS_SPIKE, "other")


def test_a_throwaway_database_is_gone_afterwards_and_an_abandoned_one_with_the_next(database: Database) -> None:
    def names() -> set[str]:
        with database.owner() as connection:
            query = "select datname from pg_database where starts_with(datname, 'opsspine_throwaway_')"
            return set(connection.exec_driver_sql(query).scalars())

    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("create database opsspine_throwaway_abandoned")
    with throwaway(database, application="test"):
        assert "opsspine_throwaway_abandoned" not in names()
        assert len(names()) == 1
    assert names() == set()
