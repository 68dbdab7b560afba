"""Brings a database to the newest schema, while older and newer code of ours works on it (docs/upgrading.md)."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg.errors import LockNotAvailable
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from spine.errors import Transient
from store.engine import Database

MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 0x6F707373
"""Advisory lock: one migrator at a time, however many machines start at once."""
_TURN_SECONDS = 0.2
_TRIES = 30
_PAUSE_SECONDS = 1.0
"""How often, and how long apart, a migration is tried that gets no lock: it never stands in the way of writers."""


def migrate(database: Database, *, folder: Path = MIGRATIONS) -> str:
    """Run every migration that is missing; returns the revision the schema is now at.

    A schema that is newer than this code is left alone: it still fits it, for what code of one release uses goes only
    in a later one.

    Raises:
        Transient: a migration got no lock for long; nothing of it was done.
    """
    config = _config(folder)
    with _one_at_a_time(database):
        if (at := current(database)) is not None and at not in known_revisions(folder):
            return at
        for tried in range(1, _TRIES + 1):
            try:
                _upgrade(database, config)
                break
            except OperationalError as error:
                if not isinstance(error.orig, LockNotAvailable):
                    raise
                if tried == _TRIES:
                    raise Transient(
                        "A migration got no lock, because transactions stayed open for long. Nothing of it was done, "
                        "and everything goes on with the schema as it is. Try again, or look at pg_stat_activity."
                    ) from error
                time.sleep(_PAUSE_SECONDS)
    return newest(folder)


def newest(folder: Path = MIGRATIONS) -> str:
    """The revision this code needs."""
    head = ScriptDirectory.from_config(_config(folder)).get_current_head()
    assert head is not None
    return head


def current(database: Database) -> str | None:
    """The revision the database is at; None = no schema yet."""
    with database.owner() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def known_revisions(folder: Path = MIGRATIONS) -> list[str]:
    """Every revision this code knows, oldest first."""
    found = ScriptDirectory.from_config(_config(folder)).walk_revisions()
    return [one.revision for one in found][::-1]


def _upgrade(database: Database, config: Config) -> None:
    # whose transactions Alembic begins and ends, by the driver
    with database.engine.connect().execution_options(isolation_level="READ COMMITTED") as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()


@contextmanager
def _one_at_a_time(database: Database) -> Iterator[None]:
    """Asked for again and again, not waited for: who waits inside a statement would be waited for by an index that is
    built without locks."""
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while not connection.execute(text("select pg_try_advisory_lock(:k)"), {"k": _LOCK}).scalar_one():
            time.sleep(_TURN_SECONDS)
        try:
            yield
        finally:
            connection.execute(text("select pg_advisory_unlock(:k)"), {"k": _LOCK})


def _config(folder: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(folder))
    return config
