"""The threat model speaks of this code: what it names exists, every boundary is there, every measure has its test."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
BOUNDARIES = (
    "Application", "Browser", "Slack", "OFREP", "identity providers", "Prefect", "PostgreSQL", "Runner", "Plug-ins",
    "Webhooks", "operator's machine",
)  # fmt: skip
FILE = re.compile(r"`([\w./-]+/[\w.-]+\.(?:py|sql|md))`")


def rows() -> list[list[str]]:
    """The cells of every row of a STRIDE table."""
    lines = re.findall(r"^\| ([STRIDE, ]+) \|(.*)\|$", PAGE, re.MULTILINE)
    return [[letters, *(cell.strip() for cell in rest.split(" | "))] for letters, rest in lines]


def test_every_file_it_names_exists() -> None:
    named = set(FILE.findall(PAGE))
    assert len(named) > 80
    assert sorted(name for name in named if not (ROOT / name).is_file()) == []


def test_every_boundary_has_its_table() -> None:
    headings = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
    assert [one for one in BOUNDARIES if not any(one in heading for heading in headings)] == []


def test_every_row_has_threat_measure_and_a_test_or_a_check() -> None:
    found = rows()
    assert len(found) > 60
    for letters, threat, measure, shown in found:
        assert threat, letters
        assert measure, letters
        assert "tests/" in shown or "make check" in shown, f"nothing shows: {threat}"


def test_every_letter_is_thought_of_at_the_boundaries_that_people_and_programs_meet() -> None:
    for part in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]:
        if part.startswith(("Application", "Browser", "OFREP", "The spine", "PostgreSQL", "Slack")):
            letters = set("".join(re.findall(r"^\| ([STRIDE, ]+) \|", part, re.MULTILINE))) - {",", " "}
            assert letters == set("STRIDE"), part.splitlines()[0]


def test_how_to_report_names_no_address_that_nobody_reads() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    assert "@" not in text
    assert "private" in text
