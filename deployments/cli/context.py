"""What every command needs: the settings, and the database of the running instance."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from deployments import instance as _instance
from spine.settings import Settings
from store.engine import Database
from tasks.notifiers import checked


def settings() -> Settings:
    """Settings from the environment.

    Raises:
        Refused: they name a channel that does not exist.
    """
    return checked(Settings())


def database(current: Settings | None = None) -> Database:
    """The database of `DATABASE_URL`, else of the running instance.

    Raises:
        Refused: there is neither.
    """
    return _instance.database(current or settings())


@contextmanager
def system(current: Settings | None = None) -> Iterator[Connection]:
    """One transaction across tenants in `database(current)`, and nothing left open behind it."""
    opened = database(current)
    try:
        with opened.system() as connection:
            yield connection
    finally:
        opened.close()
