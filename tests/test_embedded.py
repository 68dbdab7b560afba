"""The embedded PostgreSQL starts, keeps data, and needs nothing of the machine."""

from store.engine import Database
from store.migrate import current, newest


def test_a_migrated_database_is_at_the_newest_revision(database: Database) -> None:
    assert current(database) == newest()
