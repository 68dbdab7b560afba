"""A connection of the pool whose server has gone is noticed before it is used."""

import time

import psycopg
import pytest
from sqlalchemy import text

from store.engine import Database


@pytest.fixture
def database(database_url: str) -> Database:
    """A pool of one connection."""
    return Database(database_url, pool_size=1, overflow=0)


def _backend(database: Database) -> int:
    with database.system() as connection:
        return int(connection.execute(text("select pg_backend_pid()")).scalar_one())


def test_a_connection_that_was_ended_is_replaced_before_a_transaction_begins(database: Database) -> None:
    before = _backend(database)
    with psycopg.connect(database.url, autocommit=True) as admin:
        admin.execute("select pg_terminate_backend(%s)", (before,))
        while admin.execute("select 1 from pg_stat_activity where pid = %s", (before,)).fetchone():
            time.sleep(0.01)
    after = _backend(database)
    database.close()
    assert after != before


def test_a_connection_that_lives_is_used_again(database: Database) -> None:
    used = {_backend(database) for _ in range(3)}
    database.close()
    assert len(used) == 1


def test_what_one_transaction_sets_the_next_does_not_see(database: Database) -> None:
    asked = text("select current_user::text, current_setting('app.tenant_id', true)")
    with database.tenant("acme") as connection:
        first = tuple(connection.execute(asked).one())
    with database.system() as connection:
        second = tuple(connection.execute(asked).one())
    database.close()
    assert first == ("opsspine_app", "acme")
    assert second == ("opsspine_system", "")
