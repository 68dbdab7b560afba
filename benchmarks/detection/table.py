"""Figures as Markdown tables, as they stand in the README."""

from typing import Any


def markdown(rows: list[dict[str, Any]]) -> str:
    """A table with a column for each key of the first row; lists and dictionaries are told by their size."""
    names = [name.replace("_", " ") for name in rows[0]]
    lines = [_line(names), _line(["---"] * len(names))]
    return "\n".join([*lines, *(_line([_cell(value) for value in row.values()]) for row in rows)])


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return str(len(value)) if isinstance(value, list | dict) else str(value)
