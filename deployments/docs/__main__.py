"""`python -m deployments.docs` writes reference and manual; with `--check` it fails where they are stale."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from deployments.docs import action, api, cli, command, diagnostic, event, manual, runbook, setting
from deployments.docs.diagram import DIAGRAMS
from deployments.docs.rule import broken_rules

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "reference"
MANUAL = ROOT / "docs" / "manual"
IMAGES = ROOT / "docs" / "images"
PAGES: dict[str, Callable[[], str]] = {
    "settings.md": setting.page,
    "events.md": event.page,
    "commands.md": command.page,
    "cli.md": cli.page,
    "runbooks.md": runbook.page,
    "actions.md": action.page,
    "diagnostics.md": diagnostic.page,
    "api.md": api.page,
}


def main(
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit code 1 when stale.")] = False,
) -> None:
    """Write reference, manual and diagrams, or check them together with the rules of the code."""
    pages = {FOLDER / name: render() for name, render in PAGES.items()}
    pages |= {MANUAL / name: text for name, text in manual.pages().items()}
    pages |= {IMAGES / name: draw() for name, draw in DIAGRAMS.items()}
    if not check:
        for file, text in pages.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        print(f"{len(pages)} files in " + ", ".join(str(one.relative_to(ROOT)) for one in (FOLDER, MANUAL, IMAGES)))
        return
    problems = [*stale(pages), *broken_rules(ROOT)]
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        sys.exit(1)
    print(f"docs: {len(pages)} pages are current, every rule is kept")


def stale(pages: dict[Path, str]) -> list[str]:
    """A sentence for each page that does not say what the code says."""
    return [
        f"{file}: it does not say what the code says; run `python -m deployments.docs` and commit it"
        for file, text in pages.items()
        if not file.exists() or file.read_text(encoding="utf-8") != text
    ]


if __name__ == "__main__":
    typer.run(main)
