"""Decisions in the store: frozen, numbered, superseded, and seen by their tenant alone."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text

from spine.case_example import NOW, TENANT, Crowd, case
from spine.errors import Broken
from spine.ids import TenantId
from spine.plan import Decision
from store import decisions, incident_rows
from store.engine import Database

ATTACK = Crowd(addresses=4, users=40, tries=2, hostile=True)
OFFICE = Crowd(addresses=1, users=40, tries=1, network="198.51.100", first_user=1000)


@pytest.fixture
def plans(database: Database, decided: Callable[..., Decision]) -> list[Decision]:
    """Three decisions on a stored incident, a second apart; none is saved."""
    cases = [case(ATTACK, OFFICE, now=NOW + timedelta(seconds=i)) for i in range(3)]
    with database.system() as connection:
        incident_rows.insert(connection, cases[0].incident)
    return [decided(seen) for seen in cases]


def test_what_is_saved_is_what_is_read(database: Database, plans: list[Decision]) -> None:
    with database.system() as connection:
        assert decisions.current(connection, plans[0].incident_id) is None
        assert decisions.save(connection, plans[0]) == 1
    with database.system() as connection:
        assert decisions.current(connection, plans[0].incident_id) == plans[0]
        assert decisions.get(connection, plans[0].decision_id) == plans[0]


def test_a_newer_decision_supersedes_and_the_older_stays(database: Database, plans: list[Decision]) -> None:
    with database.system() as connection:
        assert [decisions.save(connection, plan) for plan in plans[:2]] == [1, 2]
        assert decisions.current(connection, plans[0].incident_id) == plans[1]
        assert decisions.get(connection, plans[0].decision_id) == plans[0]


def test_saving_twice_changes_nothing(database: Database, plans: list[Decision]) -> None:
    with database.system() as connection:
        assert [decisions.save(connection, plan) for plan in (plans[0], plans[1], plans[0])] == [1, 2, 1]
        assert decisions.current(connection, plans[0].incident_id) == plans[1]


def test_runs_that_save_at_once_number_one_after_the_other(database: Database, plans: list[Decision]) -> None:
    def save(plan: Decision) -> int:
        with database.system() as connection:
            return decisions.save(connection, plan)

    with ThreadPoolExecutor(3) as pool:
        assert sorted(pool.map(save, plans)) == [1, 2, 3]
    with database.system() as connection:
        live = "select count(*) from decisions where superseded_at is null"
        assert connection.execute(text(live)).scalar_one() == 1


def test_a_row_that_somebody_changed_is_not_believed(database: Database, plans: list[Decision]) -> None:
    with database.system() as connection:
        decisions.save(connection, plans[0])
    body = json.loads(plans[0].model_dump_json(by_alias=True))
    body["steps"][0]["gate"] = 0
    body["steps"][0]["params"] = {"hours": 24}
    with database.owner() as connection:
        connection.execute(text("update decisions set body = cast(:b as jsonb)"), {"b": json.dumps(body)})
    with database.system() as connection, pytest.raises(Broken, match="plan hash differs"):
        decisions.current(connection, plans[0].incident_id)


def test_another_tenant_sees_none(database: Database, plans: list[Decision]) -> None:
    with database.system() as connection:
        decisions.save(connection, plans[0])
    with database.tenant(TENANT) as connection:
        assert decisions.get(connection, plans[0].decision_id) is not None
    with database.tenant(TenantId("t2")) as connection:
        assert decisions.get(connection, plans[0].decision_id) is None
