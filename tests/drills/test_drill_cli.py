"""`opsspine drill` as far as it needs no running spine: what it plays, what it tells, and its exit code."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from deployments.cli import app
from deployments.cli import drill as command
from runbooks import catalogue
from runbooks.drills import drills
from spine.drill_score import Assertion
from spine.ids import TenantId
from spine.incident import IncidentKind
from store import drills as stored
from store.drills import DrillRun
from store.engine import Database

KIND = IncidentKind.FAILED_LOGINS_SPIKE
Run = Callable[..., Result]


@pytest.fixture
def run(database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command against the test's database, as wide as it needs."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("OPSSPINE_DRILL__FRESH_DAYS", "30")
    return lambda *words: CliRunner().invoke(app, ["drill", *words])


@pytest.fixture
def played(database: Database, monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """In place of the orchestrator: every drill ends at once, passed unless its name is here with False."""
    passes: dict[str, bool] = {}

    def start(_settings: Any, kind: IncidentKind, parameters: dict[str, Any]) -> str:
        now, name = datetime.now(UTC), parameters["name"]
        passed = passes.setdefault(name, True)
        told = DrillRun(
            id=f"run-{name}", tenant_id=TenantId(parameters["tenant"]), kind=kind, name=name, negative=False,
            seed=parameters["seed"], unattended=parameters["unattended"], who=parameters["who"], started_at=now,
            gives_up_at=now + timedelta(minutes=5),
        )  # fmt: skip
        with database.system() as connection:
            stored.begin(connection, told)
            one = Assertion("severity", passed, "high", "high" if passed else "medium")
            stored.finish(connection, told.id, passed=passed, score=float(passed), assertions=(one,), at=now)
        return told.id

    monkeypatch.setattr(command, "_start", start)
    return passes


def names(*, negative: bool) -> set[str]:
    return {drill.name for drill in drills()[KIND] if drill.negative is negative}


def test_it_plays_those_that_are_answered_or_those_that_must_open_nothing(run: Run, played: dict[str, bool]) -> None:
    assert run("failed_logins_spike", "--unattended").exit_code == 0
    assert set(played) == names(negative=False)
    played.clear()
    assert run("Failed-Logins-Spike", "--negative", "--unattended").exit_code == 0
    assert set(played) == names(negative=True)


def test_one_that_fails_is_told_and_ends_with_1(run: Run, played: dict[str, bool]) -> None:
    played["stuffing"] = False
    done = run("failed_logins_spike", "--name", "stuffing", "--tenant", "acme")
    assert done.exit_code == 1
    assert re.search(r"✗ +│ severity +│ high +│ medium", done.output)
    assert "failed, score 0%" in done.output
    assert "People are asked" in done.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("no_such_kind",), "There are drills of failed_logins_spike"),
        ((), "There are drills of failed_logins_spike"),
        (("failed_logins_spike", "--name", "other"), "has no drill 'other'"),
        (("failed_logins_spike", "--tenant", "a b"), "is no tenant id"),
    ],
)
def test_what_it_cannot_play_is_refused_with_what_it_can(
    run: Run, played: dict[str, bool], words: tuple[str, ...], told: str
) -> None:
    done = run(*words)
    assert done.exit_code == 1
    assert told in " ".join(done.output.split())
    assert played == {}


def test_the_list_tells_of_every_runbook_what_is_overdue(run: Run, played: dict[str, bool], database: Database) -> None:
    with database.owner() as connection:
        connection.exec_driver_sql("update installation set at = now() - interval '31 days'")
    run("failed_logins_spike", "--unattended")
    lines = run("--list").output.splitlines()
    for kind in catalogue():
        (line,) = (line for line in lines if f" {kind.value.lower()} " in line)
        assert ("no: drill overdue" in line) is (kind is not KIND)
        assert ("never" in line) is (kind is not KIND)
    assert any("stuffing: passed" in line for line in lines)
