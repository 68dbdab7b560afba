"""Every runbook keeps its promises; a new file is tested without a new test."""

import inspect
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

import runbooks
from deployments.cli import app
from runbooks import catalogue
from spine.decision.engine import decide
from spine.decision.rules import Rules
from spine.plan import Decision, Verb
from spine.runbook import Example, Runbook
from spine.settings import Settings
from tasks.mitigations import actions

BOOKS = catalogue()
EXAMPLES = [pytest.param(b, e, id=f"{b.kind}: {e.name}") for b in BOOKS.values() for e in b.examples]
books = pytest.mark.parametrize("book", BOOKS.values(), ids=[k.value for k in BOOKS])
FOLDER = Path(runbooks.__file__).parent


def decided(book: Runbook, example: Example) -> Decision:
    seen = example.case()
    specs = {key: mitigation.spec for key, mitigation in actions().items()}
    rules = Rules.of(Settings(env="prod"))
    rules = rules if seen.site is None else replace(rules, site=seen.site)
    return decide(seen, book.diagnose(seen), book, specs, rules=rules, flags={})


@pytest.mark.parametrize(("book", "example"), EXAMPLES)
def test_it_acts_as_its_examples_say(book: Runbook, example: Example) -> None:
    decision = decided(book, example)
    assert (decision.decision in {Verb.MITIGATE, Verb.CONTAIN, Verb.ESCALATE}) is example.acts
    assert bool(decision.steps) is example.acts


@books
def test_there_is_an_example_of_each(book: Runbook) -> None:
    assert {e.acts for e in book.examples} == {True, False}


@books
def test_every_step_is_documented(book: Runbook) -> None:
    assert all(inspect.getdoc(function) for function in book.steps)
    assert book.summary.strip()


@books
def test_the_file_bears_the_name_of_the_kind(book: Runbook) -> None:
    assert (FOLDER / f"{book.kind.value.lower()}.py").exists()


@books
def test_the_ladder_is_made_of_actions_that_exist_and_is_kept_to(book: Runbook) -> None:
    assert set(book.ladder) <= set(actions())
    for example in book.examples:
        seen = example.case()
        keys = [p.action_key for p in book.propose(seen, book.diagnose(seen))]
        assert keys == [key for key in book.ladder if key in keys]


@books
def test_admins_are_told_what_is_needed_and_when_it_ends(book: Runbook) -> None:
    example = next(e for e in book.examples if e.acts)
    text = book.messages.admin(example.case().incident, decided(book, example))
    assert "Needed:" in text
    assert "undone" in text


@books
def test_users_get_no_link_and_no_promise(book: Runbook) -> None:
    assert "http" not in book.messages.user


def test_importing_the_catalogue_needs_no_orchestrator() -> None:
    program = "import sys; from runbooks import catalogue; catalogue(); print('prefect' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "False"


def test_the_cli_lists_and_shows() -> None:
    listed = CliRunner().invoke(app, ["runbooks", "list"], env={"COLUMNS": "200"})
    assert "FAILED_LOGINS_SPIKE" in listed.output
    shown = CliRunner().invoke(app, ["runbooks", "show", "failed-logins-spike"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    assert "auth.ipThrottle.enabled" in shown.output


def test_the_cli_says_which_there_are_when_asked_for_another() -> None:
    shown = CliRunner().invoke(app, ["runbooks", "show", "nonsense"], env={"COLUMNS": "200"})
    assert shown.exit_code == 2
    assert "FAILED_LOGINS_SPIKE" in shown.output
    assert "Traceback" not in shown.output
