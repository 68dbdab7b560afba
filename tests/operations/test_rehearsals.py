"""Drills of operational runbooks: they pass, reach nothing outside, leave only their result, and can fail."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from gateway.app import create_app
from runbooks.operation import Desk, rehearse
from runbooks.operational import operation_named, operations
from spine.clock import SystemClock
from spine.drill_score import Assertion
from spine.errors import Refused
from spine.ids import TenantId
from spine.settings import Settings
from store import audit
from store.engine import Database
from store.keys import add_key

ACME = TenantId("acme")


@pytest.fixture
def desk(database: Database, sealed: Settings) -> Desk:
    return Desk(database=database, settings=sealed, clock=SystemClock(), tenant=ACME, who="cli:ann")


def rows(database: Database, table: str) -> int:
    with database.system() as connection:
        return int(connection.execute(text(f"select count(*) from {table}")).scalar_one())


@pytest.mark.parametrize("name", sorted(operations()))
def test_a_drill_passes_and_leaves_nothing_but_its_result(desk: Desk, name: str) -> None:
    done = asyncio.run(rehearse(operation_named(name), desk))
    assert [one for one in done.detail["assertions"] if not one["passed"]] == []
    assert (done.outcome, done.detail["score"]) == ("passed", 1.0)
    assert rows(desk.database, "operation_runs") == 1
    for table in ("outbox", "incidents", "flags", "flag_changes", "people", "launch_waivers", "incident_rooms"):
        assert rows(desk.database, table) == 0, table
    with desk.database.system() as connection:
        assert audit.verify(connection, ACME) is None
        left = connection.execute(
            text("select count(*) from pg_database where starts_with(datname, 'opsspine_throwaway_')")
        ).scalar_one()
    assert left == 0


def test_a_drill_that_breaks_off_or_sees_another_thing_has_failed(desk: Desk) -> None:
    async def breaks(_: Desk) -> Sequence[Assertion]:
        raise Refused("drill.lost", "the stage fell down")

    async def differs(_: Desk) -> Sequence[Assertion]:
        return [Assertion("one", True, "a", "a"), Assertion("two", False, "a", "b")]

    base = operation_named("launch_checklist")
    broken = asyncio.run(rehearse(replace(base, drill=breaks), desk))
    assert (broken.passed, broken.detail["score"]) == (False, 0.0)
    assert "the stage fell down" in broken.detail["assertions"][0]["observed"]
    other = asyncio.run(rehearse(replace(base, drill=differs), desk))
    assert (other.outcome, other.detail["score"]) == ("failed", 0.5)


def test_no_secret_or_address_of_the_installation_is_at_a_drills_hand(desk: Desk, shop: Any) -> None:
    seen: list[Settings] = []

    async def looks(inside: Desk) -> Sequence[Assertion]:
        seen.append(inside.settings)
        return [Assertion("looked", True, "", "")]

    loud = desk.settings.model_copy(
        update={
            "smtp": Settings(smtp={"host": "mail.example.org"}).smtp,
            "launch": Settings(launch={"tokens": shop.tokens()}).launch,
        }
    )
    asyncio.run(rehearse(replace(operation_named("launch_checklist"), drill=looks), replace(desk, settings=loud)))
    assert seen[0].smtp.host is None
    assert seen[0].launch.tokens.good is None
    assert seen[0].secret_key not in (None, loud.secret_key)


def test_what_runs_came_to_is_told_over_http_to_their_tenant_alone(desk: Desk, serve: Callable[[Any], str]) -> None:
    run = asyncio.run(rehearse(operation_named("flag_management"), desk))
    with desk.database.system() as connection:
        keys = {
            name: add_key(connection, TenantId(name), "reader", ["audit:read"], now=desk.clock.now())[1]
            for name in ("acme", "globex")
        }
    url = serve(create_app(desk.settings, desk.database, clock=desk.clock))

    def ask(tenant: str, **params: str) -> Any:
        headers = {"Authorization": f"Bearer {keys[tenant]}"}
        return httpx.get(f"{url}/api/ops/operations", headers=headers, params=params, trust_env=False)

    (shown,) = ask("acme", operation="flag_management").json()["items"]
    assert (shown["id"], shown["outcome"], shown["drill"]) == (str(run.id), "passed", True)
    assert ask("acme", operation="launch_checklist").json()["items"] == []
    assert ask("globex").json()["items"] == []
    assert ask("acme", operation="nothing").status_code == 422


def test_an_unknown_runbook_is_refused_with_those_there_are() -> None:
    with pytest.raises(Refused, match="flag_management, incident_escalation, launch_checklist"):
        operation_named("launch")
