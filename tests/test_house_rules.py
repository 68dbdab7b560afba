"""Rules for every tracked file: it belongs to the project and to no machine, host or data set."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOSTS = ("py" + "pi.org", "files.python" + "hosted.org", "registry." + "npmjs.org", "proxy.gol" + "ang.org")
"""Package registries. Where packages come from is the business of whoever installs them."""
PLACES = re.compile(
    r"(?<![\w.])/(?:" + "|".join(("ho" + r"me/\w", "Us" + r"ers/\w", "wo" + "rk/", "ro" + r"ot/\.")) + ")"
)
"""Folders of one person or machine."""
LEFT_OPEN = re.compile("TO" + "DO|FIX" + "ME|XX" + "X|NotImplemented" + "Error|play" + "book", re.IGNORECASE)
"""Notes to oneself, stubs, and the word for what is a runbook here."""
DATA = (".parquet", ".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".log", ".sqlite")


def tracked() -> list[Path]:
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no git checkout")
    return [file for name in listed.stdout.split("\0") if name and (file := ROOT / name).is_file()]


def lines_with(pattern: re.Pattern[str], suffix: str = "") -> list[str]:
    return [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for file in tracked()
        if file.name.endswith(suffix)
        for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_bears_a_path_of_a_machine() -> None:
    assert lines_with(PLACES) == []
    assert lines_with(re.compile(re.escape(f"{ROOT}/"))) == []


def test_no_file_names_a_package_registry() -> None:
    assert lines_with(re.compile("|".join(map(re.escape, HOSTS)), re.IGNORECASE)) == []


def test_nothing_is_left_open_in_the_code() -> None:
    assert lines_with(LEFT_OPEN, ".py") == []


def test_no_data_is_tracked() -> None:
    assert [file.name for file in tracked() if file.name.endswith(DATA)] == []


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_the_lock_pins_by_hash_and_names_no_address(name: str) -> None:
    lock = (ROOT / name).read_text(encoding="utf-8")
    assert "://" not in lock
    pinned = re.findall(r"^[a-z0-9][^=\s]*==\S+.*?(?=^[a-z0-9]|\Z)", lock, re.MULTILINE | re.DOTALL)
    assert len(pinned) > 50
    assert [entry.split()[0] for entry in pinned if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (PLACES, "see /ho" + "me/ada/notes"),
        (PLACES, '"/wo' + 'rk/main"'),
        (LEFT_OPEN, "# to" + "do: later"),
        (re.compile("|".join(map(re.escape, HOSTS))), "https://py" + "pi.org/simple"),
    ],
)
def test_the_patterns_find_what_they_look_for(pattern: re.Pattern[str], line: str) -> None:
    assert pattern.search(line)
