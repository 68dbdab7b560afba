"""What would happen: the work is done in one transaction as the owner of the schema, and taken back."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

from store.engine import Database

T = TypeVar("T")


class _TakenBack(Exception):
    """Leaves the transaction the one way that certainly rolls it back."""


def rehearsed(database: Database, act: Callable[[Connection], T]) -> T:
    """What `act` returns, with nothing of what it did left behind."""
    try:
        with database.owner() as connection:
            done = act(connection)
            raise _TakenBack
    except _TakenBack:
        return done
