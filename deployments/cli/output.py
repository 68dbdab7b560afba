"""What a command answers, for people or, with `--json`, for programs: one shape for every command.

    {"ok": true, "data": …, "messages": [...]}
    {"ok": false, "error": {"code": …, "message": …}, "exit": 1}

`data` is what the command is about: a list of rows or one object. `messages` are its sentences.
"""

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, timedelta
from enum import Enum
from typing import Any, TypeVar

from pydantic import BaseModel, SecretStr
from rich.table import Table
from rich.text import Text

from spine.severity import Severity

T = TypeVar("T")
NOTHING = object()


class Document:
    """The answer of one command, as it is collected."""

    def __init__(self) -> None:
        self.data: Any = NOTHING
        self.tables: list[list[dict[str, str]]] = []

    def rendered(self, said: str, exit_code: int) -> str:
        """The whole answer as JSON; `said` is what the command printed."""
        messages = [line.strip() for line in said.splitlines() if line.strip()]
        data = self.data
        if data is NOTHING:
            data = (self.tables[0] if len(self.tables) == 1 else self.tables) if self.tables else None
        answer: dict[str, Any] = {"ok": exit_code == 0, "data": plain(data), "messages": messages}
        if exit_code:
            answer["exit"] = exit_code
        return json.dumps(answer, indent=2, ensure_ascii=False)


_CURRENT: ContextVar[Document | None] = ContextVar("document", default=None)


def asked() -> Document | None:
    """The document to fill when `--json` was given; None = people read."""
    return _CURRENT.get()


@contextmanager
def answering(in_json: bool) -> Iterator[Document | None]:
    """While the block runs, its command answers programs, or people."""
    token = _CURRENT.set(Document() if in_json else None)
    try:
        yield _CURRENT.get()
    finally:
        _CURRENT.reset(token)


def listing(rows: Sequence[T], columns: Mapping[str, Callable[[T], object]], *, empty: str) -> None:
    """Show `rows`: to people the columns, or `empty` when there are none; to programs the rows themselves."""
    from deployments.cli.screen import console

    if (document := asked()) is not None:
        document.data = list(rows)
        return
    table = Table(*columns, box=None)
    for row in rows:
        table.add_row(*(Text(_cell(of(row))) for of in columns.values()))
    console().print(table if rows else empty, markup=False)


def record(value: object) -> bool:
    """Give programs `value`, and return False; True = people read, and are to be told in words."""
    if (document := asked()) is None:
        return True
    document.data = value
    return False


def plain(value: Any) -> Any:
    """A JSON value of anything we have: ids and moments as text, lengths in seconds, severities by their label."""
    for kinds, shown in _SHOWN:
        if isinstance(value, kinds):
            return shown(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return str(value)


def _mapping(value: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(plain(key)): plain(one) for key, one in value.items()}


_SHOWN: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (Severity, lambda value: value.label),
    (Enum, lambda value: plain(value.value)),
    ((type(None), bool, int, float, str), lambda value: value),
    (date, lambda value: value.isoformat()),
    (timedelta, lambda value: value.total_seconds()),
    (SecretStr, lambda _: "[redacted]"),
    (BaseModel, lambda value: plain(value.model_dump())),
    (bytes, lambda value: value.hex()),
    (Mapping, _mapping),
    (AbstractSet, lambda value: sorted((plain(one) for one in value), key=str)),
    (Sequence, lambda value: [plain(one) for one in value]),
)
"""How each kind of value is shown, the narrower first."""


def of_table(table: Table) -> list[dict[str, str]]:
    """The rows of a table that was made for people, by its headers."""
    names = [_plain(column.header).lower().replace(" ", "_") or f"column_{n}" for n, column in enumerate(table.columns)]
    cells = [[_plain(cell) for cell in column.cells] for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*cells, strict=True)]


def _plain(cell: object) -> str:
    return cell.plain if isinstance(cell, Text) else Text.from_markup(str(cell)).plain


def _cell(value: object) -> str:
    return "" if value is None else str(value)
