"""A runner's sign of life outlasts a restart of the database: nobody is paged for a runner that lives."""

from uuid import uuid4

import psycopg

from store.engine import Database
from store.liveness import Sign, is_alive


def test_a_sign_that_lost_its_connection_is_shown_again(database: Database) -> None:
    group = uuid4()
    signs = [Sign(database.url, group), Sign(database.url, group)]
    assert all(sign.renew() for sign in signs)
    with database.system() as connection:
        assert is_alive(connection, group)
    with psycopg.connect(database.url, autocommit=True) as connection:
        query = "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = %s"
        assert connection.execute(query, [f"alive {group}"]).fetchone() == (2,)
    assert signs[0].renew() is False, "this is how it learns of it"
    assert signs[0].renew() is True
    with database.system() as connection:
        assert is_alive(connection, group)


def test_without_a_database_it_waits() -> None:
    nowhere = Sign("postgresql://nobody@127.0.0.1:9/nothing", uuid4())
    assert nowhere.renew() is False
