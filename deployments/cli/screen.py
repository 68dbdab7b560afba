"""What commands print on: as wide as the terminal, or wide enough for whole lines where a program reads."""

import sys
from typing import Any
from uuid import UUID

from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection, text

from deployments.cli.output import asked, of_table
from spine.errors import Refused

_PIPE_WIDTH = 200
_SHORT, _LEAST = 8, 4


class _Console(Console):
    """Prints to people; when a program asked, tables become data and the rest messages."""

    def print(self, *objects: Any, **how: Any) -> None:
        """Print, or keep for the answer in JSON."""
        document = asked()
        if document is not None:
            document.tables += [of_table(one) for one in objects if isinstance(one, Table)]
            objects = tuple(one for one in objects if not isinstance(one, Table))
            if not objects:
                return
        super().print(*objects, **how)


def console() -> Console:
    """The console of this command."""
    return _Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH)


def short(key: UUID) -> str:
    """As much of an id as people copy; `whole` takes it back."""
    return str(key)[:_SHORT]


def whole(connection: Connection, noun: str, start: str) -> UUID:
    """The one id of the table `noun`s that begins with `start`.

    Raises:
        Refused: `<noun>.unknown`, none or several do, or `start` is too short to mean one.
    """
    query = text(f"select id from {noun}s where starts_with(id::text, :start) limit 2")  # noqa: S608 - our own nouns
    found = connection.execute(query, {"start": start.lower()}).scalars().all()
    if len(found) != 1 or len(start) < _LEAST:
        why = "it is too short" if len(start) < _LEAST else "several begin so" if found else "none begins so"
        raise Refused(
            f"{noun}.unknown",
            f"{start!r} is not the beginning of exactly one {noun}: {why}. Nothing was done. "
            f"See `opsspine {noun}s list`.",
        )
    return UUID(str(found[0]))
