"""The reference says what the code says, and the check notices when it, or a rule of the code, is broken."""

from dataclasses import replace
from pathlib import Path

import pytest

from deployments.docs import manual
from deployments.docs.__main__ import PAGES, ROOT, main, stale
from deployments.docs.command import commands
from deployments.docs.markdown import table
from deployments.docs.rule import PACKAGES, broken_rules, misnamed, runbook_problems, undocumented
from deployments.docs.setting import variables
from runbooks import catalogue
from runbooks.operational import operations
from spine.incident import IncidentKind
from spine.settings import Settings
from tasks.mitigations import actions

BOOK = catalogue()[IncidentKind.FAILED_LOGINS_SPIKE]


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_current(name: str) -> None:
    """When this fails: `python -m deployments.docs`, and commit what it wrote."""
    assert (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8") == PAGES[name]()


@pytest.mark.parametrize("name", manual.pages())
def test_every_page_of_the_manual_is_current(name: str) -> None:
    assert (ROOT / "docs" / "manual" / name).read_text(encoding="utf-8") == manual.pages()[name]


def test_the_manual_has_a_page_for_every_runbook() -> None:
    kinds = {f"{kind.value.lower()}.md" for kind in catalogue()}
    operational = {f"{name}.md" for name in operations()}
    assert kinds | operational | {"README.md"} == set(manual.pages())


def test_the_code_keeps_its_rules() -> None:
    assert list(broken_rules(ROOT)) == []


def test_a_page_that_says_something_else_or_is_missing_is_stale(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("old", encoding="utf-8")
    (tmp_path / "c.md").write_text("same", encoding="utf-8")
    found = stale({tmp_path / "a.md": "new", tmp_path / "b.md": "new", tmp_path / "c.md": "same"})
    assert [Path(line.split(":")[0]).name for line in found] == ["a.md", "b.md"]


def test_the_check_fails_and_says_why(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(PAGES, "settings.md", lambda: "something else")
    with pytest.raises(SystemExit) as ended:
        main(check=True)
    assert ended.value.code == 1
    assert "settings.md" in capsys.readouterr().err


def test_a_file_that_does_not_bear_its_kinds_name_is_told() -> None:
    (problem,) = runbook_problems(replace(BOOK, kind=IncidentKind.JWT_VALIDATION_ERRORS))
    assert "JWT_VALIDATION_ERRORS" in problem


def test_a_step_without_words_is_told() -> None:
    def silent(case: object) -> None: ...

    problems = list(runbook_problems(replace(BOOK, diagnose=silent)))
    assert any("silent has no docstring" in problem for problem in problems)


@pytest.mark.parametrize(("acts", "missing"), [(True, "silent"), (False, "firing")])
def test_a_runbook_without_one_kind_of_example_is_told(acts: bool, missing: str) -> None:
    kept = tuple(example for example in BOOK.examples if example.acts is acts)
    (problem,) = runbook_problems(replace(BOOK, examples=kept))
    assert f"no {missing} example" in problem


def test_an_action_in_a_file_of_another_name_is_told() -> None:
    assert list(misnamed(["ip.block"], ["ip_block"])) == []
    (problem,) = misnamed(["ip.block"], ["ip_deny"])
    assert "ip_block.py" in problem


def test_public_things_without_words_are_told_and_private_ones_are_not(tmp_path: Path) -> None:
    (tmp_path / PACKAGES[0]).mkdir()
    source = "class A:\n    def told(self): ...\n    def _private(self): ...\ndef told(): ...\ndef _private(): ...\n"
    (tmp_path / PACKAGES[0] / "m.py").write_text(source)
    names = [line.split(": ")[1].split(" has")[0] for line in undocumented(tmp_path)]
    assert names == ["the module m", "A", "A.told", "told"]


def test_every_setting_action_and_command_is_on_its_page() -> None:
    pages = {name: (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8") for name in PAGES}
    assert {"DATABASE_URL", "OPSSPINE_DETECT__BUCKET__LEAK_SECONDS"} <= variables()
    assert all(f"`{name}`" in pages["settings.md"] for name in variables())
    assert all(f"## {key}\n" in pages["actions.md"] for key in actions())
    assert all(f"## `opsspine {words}" in pages["commands.md"] for words, _ in commands())


def test_a_variable_on_the_page_is_really_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPSSPINE_DETECT__BUCKET__LEAK_SECONDS", "7")
    assert Settings().detect.bucket.leak_seconds == 7


def test_a_bar_does_not_break_a_table() -> None:
    assert table(["a"], [["x | y"]]).splitlines()[-1] == "| x \\| y |"
