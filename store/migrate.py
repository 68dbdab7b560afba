"""Brings a database to the newest schema."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from store.engine import Database

_LOCK = 0x6F707373
"""Advisory lock: one migrator at a time, however many machines start at once."""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def migrate(database: Database) -> str:
    """Run every migration that is missing; returns the revision the schema is now at."""
    config = _config()
    with database.owner() as connection:
        connection.execute(text("select pg_advisory_xact_lock(:k)"), {"k": _LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return newest()


def newest() -> str:
    """The revision this code needs."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def current(database: Database) -> str | None:
    """The revision the database is at; None = no schema yet."""
    with database.owner() as connection:
        return MigrationContext.configure(connection).get_current_revision()
