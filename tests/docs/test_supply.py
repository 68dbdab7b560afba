"""The checks of what we install and of secrets: what they find, and what they must never take for good."""

import json
from pathlib import Path
from typing import Any

import pytest

from deployments.supply import audit, sbom, secret
from deployments.supply.tool import LOCK, ROOT, NotInstalled, run

HOLE = {"id": "GHSA-0000-0000-0000", "fix_versions": ["1.1"]}


def package(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "version": "1.0", "vulns": [], **more}


@pytest.mark.timeout(600)
def test_the_inventory_is_valid_the_same_again_and_names_every_locked_package(tmp_path: Path) -> None:
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    sbom.make(first)
    sbom.make(second)
    assert first.read_bytes() == second.read_bytes()
    made = json.loads(first.read_text(encoding="utf-8"))
    assert (made["bomFormat"], made["specVersion"]) == ("CycloneDX", sbom.VERSION)
    assert made["metadata"]["component"]["name"] == "opsspine"
    listed = {(one["name"].lower(), one["version"]) for one in made["components"]}
    lock = (ROOT / LOCK).read_text(encoding="utf-8").splitlines()
    locked = {tuple(line.split()[0].split("==")) for line in lock if "==" in line and not line.startswith((" ", "#"))}
    assert len(locked) > 50
    assert locked <= listed
    assert str(ROOT) not in first.read_text(encoding="utf-8")


def test_an_inventory_that_cannot_be_made_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sbom, "LOCK", "no.lock")
    with pytest.raises(RuntimeError, match=r"no\.lock"):
        sbom.make(tmp_path / "a.json")
    assert not (tmp_path / "a.json").exists()


def test_a_database_that_knows_nobody_was_not_asked() -> None:
    """pip-audit ends well when it could look up nothing at all; that is no good news."""
    nobody = audit.read({"dependencies": [package("a", skip_reason="not found"), package("b", skip_reason="no")]})
    assert not nobody.reached
    some = audit.read({"dependencies": [package("a"), package("b", skip_reason="not found")]})
    assert (some.reached, some.unknown, some.holes) == (True, 1, [])


def test_a_hole_is_told_with_what_mends_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    found = audit.read({"dependencies": [package("a", vulns=[HOLE]), package("b")]})
    assert found.holes == ["a 1.0: GHSA-0000-0000-0000; fixed in 1.1"]
    monkeypatch.setattr(audit, "ask", lambda: found)
    with pytest.raises(SystemExit) as ended:
        audit.main()
    assert ended.value.code == 1
    assert "GHSA-0000-0000-0000" in capsys.readouterr().err


@pytest.mark.parametrize(("required", "code"), [(False, 0), (True, 3)])
def test_without_the_database_it_says_skipped(
    required: bool, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(audit, "ask", lambda: None)
    with pytest.raises(SystemExit) as ended:
        audit.main(required=required)
    assert ended.value.code == code
    assert "SKIPPED" in capsys.readouterr().out


def finding(kind: str = "Secret Keyword", sha: str = "a" * 40, **more: Any) -> dict[str, Any]:
    return {"x.py": [{"type": kind, "hashed_secret": sha, "filename": "x.py", "line_number": 1, **more}]}


@pytest.mark.parametrize(
    ("known", "new"),
    [
        ({}, True),
        (finding(is_secret=False), False),
        (finding(), True),
        (finding(is_secret=True), True),
        (finding(sha="b" * 40, is_secret=False), True),
        (finding("AWS Access Key", is_secret=False), True),
    ],
    ids=["never seen", "looked at", "not looked at", "real", "another secret", "another kind"],
)
def test_only_what_was_looked_at_passes(known: dict[str, Any], new: bool) -> None:
    assert bool(secret.new({"results": finding()}, {"results": known})) is new


def test_a_real_key_is_found_in_tests_too(tmp_path: Path) -> None:
    run_git = ["init", "-q"]
    import subprocess

    subprocess.run(["git", *run_git], cwd=tmp_path, check=True)
    (tmp_path / "tests").mkdir()
    key = "AKIA" + "Z7VRSQ5TJN2XMPLK"
    (tmp_path / "tests" / "test_x.py").write_text(f'KEY = "{key}"\npassword = "correct horse battery"\n')
    (tmp_path / "code.py").write_text('password = "correct horse battery"\n')
    subprocess.run(["git", "add", "."], cwd=tmp_path, check=True)
    found = secret.scan(tmp_path)["results"]
    assert [one["type"] for one in found["tests/test_x.py"]] == ["AWS Access Key"]
    assert [one["type"] for one in found["code.py"]] == ["Secret Keyword"]


def test_the_baseline_was_audited_and_names_no_machine() -> None:
    text = secret.BASELINE.read_text(encoding="utf-8")
    known = json.loads(text)
    assert str(ROOT) not in text
    assert "generated_at" not in known
    ones = [one for found in known["results"].values() for one in found]
    assert ones
    assert all(one["is_secret"] is False and one["line_number"] == 1 for one in ones)


def test_a_tool_that_is_missing_is_named() -> None:
    with pytest.raises(NotInstalled, match="no-such-tool"):
        run("no-such-tool")
