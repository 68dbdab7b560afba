"""Databases for the length of a block: several at once, and none left behind."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from store import throwaway as module
from store.engine import Database
from store.throwaway import throwaway

NAMES = text("select datname from pg_database where starts_with(datname, 'opsspine_throwaway_')")


def names(database: Database) -> set[str]:
    with database.system() as connection:
        return set(connection.execute(NAMES).scalars())


def used(database: Database) -> int:
    with throwaway(database, application="test") as mine, mine.system() as connection:
        found: int = connection.execute(text("select 0")).scalar_one()
        return found


def test_several_that_begin_at_once_leave_each_other_alone(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Migrating is left out: it cannot be done twice at once in one process, and drills have one each."""
    monkeypatch.setattr(module, "migrate", lambda opened: None)
    before = names(database)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(used, [database] * 4)) == [0] * 4
    assert names(database) <= before


def test_what_a_killed_process_left_is_dropped_by_the_next(database: Database) -> None:
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text('create database "opsspine_throwaway_left"'))
    assert used(database) == 0
    assert "opsspine_throwaway_left" not in names(database)
