"""A database beside ours for the length of a `with` block, and gone afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from spine.errors import Refused
from spine.ids import mint
from store.engine import Database
from store.migrate import migrate

_PREFIX = "opsspine_throwaway_"
_TURN = 0x7468726F
"""Advisory lock: what was created a moment ago and has no connection yet is not abandoned."""


@contextmanager
def throwaway(database: Database, *, application: str, empty: bool = False) -> Iterator[Database]:
    """A fresh database of the same server. What is in it does not matter, so its commits wait for no disk.
    `empty` = without any schema.

    One that a killed process left behind is dropped by the next call; calls take turns until theirs is connected.

    Raises:
        Refused: our account may not create databases.
    """
    name = f"{_PREFIX}{mint().hex}"
    url = make_url(database.url).set(database=name).render_as_string(hide_password=False)
    opened = Database(url, pool_size=2, application=application)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("select pg_advisory_lock(:key)"), {"key": _TURN})
        try:
            _create(connection, name)
            with opened.engine.connect():  # from here on it is somebody's
                pass
        finally:
            connection.execute(text("select pg_advisory_unlock(:key)"), {"key": _TURN})
    try:
        if not empty:
            migrate(opened)
        yield opened
    finally:
        opened.close()
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f'drop database if exists "{name}" with (force)'))


def _create(connection: Connection, name: str) -> None:
    _drop_abandoned(connection)
    try:
        connection.execute(text(f'create database "{name}"'))
    except ProgrammingError as error:
        raise Refused(
            "database.create",
            "The database account may not create databases, which drills and restore checks need. Let the owner "
            "of the server run `alter role <account> createdb`.",
        ) from error
    connection.execute(text(f'alter database "{name}" set synchronous_commit = off'))


def _drop_abandoned(connection: Connection) -> None:
    left = connection.execute(
        text(
            "select datname from pg_database where starts_with(datname, :prefix)"
            " and not exists (select from pg_stat_activity a where a.datname = pg_database.datname)"
        ),
        {"prefix": _PREFIX},
    ).scalars()
    for name in left.all():
        with suppress(DBAPIError):  # somebody has just begun to use it, or dropped it
            connection.execute(text(f'drop database "{name}"'))
