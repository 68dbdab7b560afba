"""What every command has in common: JSON of one shape, exit codes, errors in their own words, completion."""

import inspect
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import typer
from pydantic import SecretStr
from sqlalchemy.exc import OperationalError
from typer.testing import CliRunner

from deployments.cli import app, complete
from deployments.cli.command import dress
from deployments.cli.outcome import ExitCode, Told
from deployments.cli.output import listing, plain, record
from deployments.docs import command as reference
from spine.errors import Broken, Refused, Transient
from spine.settings import Settings
from spine.severity import Severity


@pytest.fixture
def spine(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    """Runs `opsspine …` on a fresh database."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("OPSSPINE_DATA_DIR", str(tmp_path))
    runner = CliRunner()
    return lambda *words: runner.invoke(app, list(words))


def _leaves(tree: typer.Typer, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for one in tree.registered_commands:
        assert one.callback is not None
        yield (*words, one.name or one.callback.__name__), one.callback
    for group in tree.registered_groups:
        assert group.typer_instance is not None
        yield from _leaves(group.typer_instance, (*words, str(group.name or group.typer_instance.info.name)))


def test_every_command_takes_json() -> None:
    leaves = list(_leaves(app))
    assert len(leaves) > 40
    assert [words for words, function in leaves if "as_json" not in inspect.signature(function).parameters] == []


def test_the_command_says_which_release_it_is() -> None:
    told = CliRunner().invoke(app, ["--version"])
    assert (told.exit_code, told.output) == (0, f"opsspine {version('opsspine')}\n")
    assert "`--version`" in reference.page().partition("## `opsspine actions")[0]
    assert "Usage" in CliRunner().invoke(app, []).output, "without a word it still tells what there is"


def _needs_nothing(function: Any) -> bool:
    parameters = inspect.signature(function).parameters.values()
    return all(one.default is not one.empty for one in parameters)


READING = [
    words
    for words, function in _leaves(app)
    if _needs_nothing(function) and words[-1] in {"list", "show", "tail", "verify", "health", "spread", "who"}
]


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_every_command_that_only_reads_answers_in_one_shape(words: tuple[str, ...], spine: Callable[..., Any]) -> None:
    done = spine(*words, "--json")
    answer = json.loads(done.stdout)
    assert isinstance(answer["ok"], bool)
    assert answer["ok"] is (done.exit_code == 0)
    assert {"data", "messages"} <= answer.keys() or {"error", "exit"} <= answer.keys()
    assert "error" not in answer or set(answer["error"]) == {"code", "message"}


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Thing:
    id: UUID
    at: datetime
    lasts: timedelta
    severity: Severity
    colour: Colour
    secret: SecretStr
    names: frozenset[str]
    raw: bytes = b"\x01"


THING = Thing(
    UUID(int=1), datetime(2026, 3, 4, tzinfo=UTC), timedelta(seconds=90), Severity.HIGH, Colour.RED,
    SecretStr("hunter2"), frozenset({"b", "a"}),
)  # fmt: skip


def test_values_are_shown_as_programs_want_them() -> None:
    assert plain({"thing": THING}) == {
        "thing": {
            "id": str(UUID(int=1)), "at": "2026-03-04T00:00:00+00:00", "lasts": 90.0, "severity": "high",
            "colour": "red", "secret": "[redacted]", "names": ["a", "b"], "raw": "01",
        }
    }  # fmt: skip


def _one(function: Callable[..., Any], *words: str) -> Any:
    tree = typer.Typer()
    tree.command("a")(function)
    tree.command("b")(lambda: None)
    dress(tree)
    return CliRunner().invoke(tree, ["a", *words])


def test_rows_are_columns_for_people_and_whole_objects_for_programs() -> None:
    def show() -> None:
        listing([THING], {"id": lambda one: str(one.id)[:8], "colour": lambda one: one.colour.value}, empty="None.")

    assert "00000000  red" in _one(show).stdout
    assert json.loads(_one(show, "--json").stdout)["data"][0]["id"] == str(UUID(int=1))


def test_a_table_made_for_people_becomes_rows_by_its_headers() -> None:
    def show() -> None:
        from rich.table import Table

        from deployments.cli.screen import console

        table = Table("name", "last used")
        table.add_row("[bold]app[/bold]", "never")
        console().print(table)
        typer.echo("1 key.")

    answer = json.loads(_one(show, "--json").stdout)
    assert answer == {"ok": True, "data": [{"name": "app", "last_used": "never"}], "messages": ["1 key."]}


def test_markup_from_outside_is_shown_as_it_is() -> None:
    def show() -> None:
        listing(["[red]x[/red]"], {"name": lambda one: one}, empty="")

    assert "[red]x[/red]" in _one(show).stdout


@pytest.mark.parametrize(
    ("error", "code", "exit_code"),
    [
        (Refused("flag.unknown", "There is no flag."), "flag.unknown", ExitCode.NO),
        (Transient("busy"), "transient", ExitCode.LATER),
        (Broken("the key is gone"), "broken", ExitCode.BROKEN),
        (RuntimeError("postgres://user:hunter2@db/x"), "unforeseen", ExitCode.BROKEN),
    ],
    ids=["refused", "transient", "broken", "unforeseen"],
)
def test_an_error_is_a_sentence_with_its_own_exit_code_and_no_secret(
    error: Exception, code: str, exit_code: ExitCode
) -> None:
    def fail() -> None:
        typer.echo("half a line")
        raise error

    people, programs = _one(fail), _one(fail, "--json")
    assert (people.exit_code, programs.exit_code) == (exit_code, exit_code)
    assert people.stderr.startswith("error: ")
    assert "Traceback" not in people.stderr
    answer = json.loads(programs.stdout)
    assert (answer["ok"], answer["error"]["code"], answer["exit"]) == (False, code, exit_code)
    assert "hunter2" not in people.stderr + programs.stdout


def test_a_database_that_does_not_answer_is_told_and_may_be_tried_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody:hunter2@127.0.0.1:9/none")
    monkeypatch.setenv("OPSSPINE_DATA_DIR", str(tmp_path))
    done = CliRunner().invoke(app, ["incidents", "list"])
    assert done.exit_code == ExitCode.LATER
    assert "The database does not answer" in done.stderr
    assert "hunter2" not in done.stderr


def test_a_setting_that_is_not_valid_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPSSPINE_GATEWAY__PORT", "many")
    done = CliRunner().invoke(app, ["incidents", "list"])
    assert done.exit_code == ExitCode.USAGE
    assert "GATEWAY__PORT" in done.stderr


def test_a_command_that_says_no_gives_programs_its_data_all_the_same() -> None:
    def look() -> None:
        record({"status": "fail"})
        raise typer.Exit(1)

    done = _one(look, "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout) == {"ok": False, "data": {"status": "fail"}, "messages": [], "exit": 1}


def test_a_broken_query_of_ours_is_no_outage() -> None:
    assert Told(OperationalError("select", {}, Exception("x"))).exit is ExitCode.BROKEN


def test_no_spine_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("OPSSPINE_DATA_DIR", str(tmp_path))
    done = CliRunner().invoke(app, ["health"])
    assert done.exit_code == ExitCode.NO
    assert "opsspine up" in done.stderr


def test_tab_offers_incidents_and_is_silent_without_a_spine(
    approval_case: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", approval_case.database.url)
    incident = str(approval_case.incident.id)
    ((offered, about),) = complete.offered("incident", incident[:4])
    assert offered == incident
    assert "FAILED_LOGINS_SPIKE" in about
    assert complete.offered("incident", "zzzz") == []
    for what in ("approval", "lease", "suppression", "tenant", "email"):
        complete.offered(what, "")
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none")
    assert complete.offered("incident", "") == []


def test_types_are_offered_in_the_case_they_are_typed_in() -> None:
    assert [name for name, _ in complete.kinds("jwt")] == ["jwt_validation_errors"]
    assert [name for name, _ in complete.kinds("JWT")] == ["JWT_VALIDATION_ERRORS"]


def test_the_shell_is_asked_for_ids_by_the_names_of_parameters() -> None:
    offered = {
        parameter.name
        for _, command in reference.commands()
        for parameter in command.params
        if getattr(parameter, "_custom_shell_complete", None) is not None
    }
    assert {"incident", "approval", "lease", "tenant"} <= offered


def test_settings_are_not_told_with_their_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPSSPINE_SMTP__PORT", "hunter2")
    with pytest.raises(ValueError, match="port") as raised:
        Settings()
    assert "hunter2" not in Told(raised.value).message
