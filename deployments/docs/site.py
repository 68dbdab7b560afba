"""Hooks of mkdocs: folders in the navigation stand for their pages, so that a new page is never forgotten.

In mkdocs.yml an entry `manual/*` stands for every page of that folder, and `*` for pages beside each other in `docs`,
as far as no other entry names them. A page's title is its first heading.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DECISIONS = "<!-- decisions -->"
"""In docs/adr/index.md: stands for the list of all decisions."""


def on_config(config: Any) -> Any:
    """Called by mkdocs: fill the navigation."""
    config["nav"] = filled(config["nav"], Path(config["docs_dir"]))
    return config


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Called by mkdocs for each page before it is rendered: list the decisions where they are asked for."""
    if DECISIONS not in markdown:
        return markdown
    folder = Path(config["docs_dir"]) / "adr"
    listed = [f"- [{title(file)}]({file.name})" for file in sorted(folder.glob("[0-9]*.md"))]
    return markdown.replace(DECISIONS, "\n".join(listed))


def filled(nav: list[Any], docs: Path) -> list[Any]:
    """`nav` with every `folder/*` replaced by the pages that nothing else names."""
    named = {path for path in _paths(nav) if not path.endswith("*")}
    return _filled(nav, docs, named)


def title(file: Path) -> str:
    """A page's first heading, without marks; its name when it has none."""
    found = re.search(r"^# (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return re.sub(r"[`*]", "", found[1]) if found else file.stem


def _paths(nav: list[Any]) -> Iterator[str]:
    for entry in nav:
        for value in entry.values() if isinstance(entry, dict) else [entry]:
            if isinstance(value, list):
                yield from _paths(value)
            else:
                yield value


def _filled(nav: list[Any], docs: Path, named: set[str]) -> list[Any]:
    made: list[Any] = []
    for entry in nav:
        if isinstance(entry, dict):
            made.append({k: _filled(v, docs, named) if isinstance(v, list) else v for k, v in entry.items()})
        elif entry.endswith("*"):
            pages = sorted(docs.glob(f"{entry}.md"))
            rest = [page for page in pages if page.relative_to(docs).as_posix() not in named]
            made += [{title(page): page.relative_to(docs).as_posix()} for page in rest]
        else:
            made.append(entry)
    return made
