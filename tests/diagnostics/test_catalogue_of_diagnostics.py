"""Diagnostics are found by name, and need no orchestrator."""

import asyncio
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from spine.diagnostic import Answer, Check, Question, Receipt, State, pseudonym
from spine.errors import Refused
from spine.ids import NO_TENANT
from tasks.diagnostics import ask, diagnostics

FOLDER = Path(__file__).parents[2] / "tasks" / "diagnostics"
NOW = datetime(2026, 11, 23, tzinfo=UTC)


def test_every_file_is_a_diagnostic_of_its_name() -> None:
    assert set(diagnostics()) == {file.stem for file in FOLDER.glob("[!_]*.py")}
    for key, one in diagnostics().items():
        assert sys.modules[one.run.__module__].__name__ == f"tasks.diagnostics.{key}"
        assert one.spec.title
        assert one.spec.serves


def test_they_import_without_the_orchestrator() -> None:
    code = (
        "import sys",
        "sys.modules['prefect'] = None",
        "from tasks.diagnostics import diagnostics",
        "print(len(diagnostics()))",
    )
    done = subprocess.run([sys.executable, "-c", "; ".join(code)], capture_output=True, text=True, check=True)
    assert int(done.stdout) == len(diagnostics())


def test_an_unknown_one_is_refused_by_name() -> None:
    question = Question(tenant_id=NO_TENANT, now=NOW, since=NOW)
    with pytest.raises(Refused, match="there is no diagnostic 'gone'"):
        asyncio.run(ask("gone", question, ports=None))  # type: ignore[arg-type]


OK, BAD, UNKNOWN = (Check(state.value, state, "why") for state in (State.OK, State.BAD, State.UNKNOWN))


@pytest.mark.parametrize(
    ("checks", "state"),
    [((), "unknown"), ((OK,), "ok"), ((OK, UNKNOWN), "unknown"), ((UNKNOWN, BAD, OK), "bad"), ((BAD,), "bad")],
)
def test_unknown_is_never_healthy(checks: tuple[Check, ...], state: str) -> None:
    assert Answer("any", checks).state.value == state


def test_what_could_not_be_seen_is_listed_as_missing() -> None:
    assert Answer("any", (OK, UNKNOWN, BAD)).missing == ("unknown: why",)


def test_a_question_about_no_time_and_a_naive_one_are_refused() -> None:
    with pytest.raises(ValueError):
        Question(tenant_id=NO_TENANT, now=NOW, since=NOW + timedelta(seconds=1))
    with pytest.raises(ValueError):
        Question(tenant_id=NO_TENANT, now=NOW, since=NOW.replace(tzinfo=None))
    with pytest.raises(ValueError):
        Question(tenant_id=NO_TENANT, now=NOW, since=NOW, attack_start=NOW.replace(tzinfo=None))


def test_a_receipt_can_be_recomputed_and_a_pseudonym_not_undone() -> None:
    receipt = Receipt.of("anything", NOW, b"abc")
    assert receipt.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert receipt.size == 3
    assert pseudonym("user@example.org") == pseudonym("user@example.org") != pseudonym("user@example.com")
    assert "user" not in pseudonym("user@example.org")
