"""Who is alive: a session lock that PostgreSQL drops the moment its holder's process dies.

No timeouts, no clocks: a run that is killed, however hard, is known to be dead at once, from any machine.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import UUID

import psycopg
from sqlalchemy import Connection, text

_PATIENCE_SECONDS = 3


@contextmanager
def alive(url: str, holder: UUID) -> Iterator[None]:
    """Hold the sign of life of `holder` on a connection of its own."""
    with psycopg.connect(url, autocommit=True, application_name=f"alive {holder}") as connection:
        connection.execute("select pg_advisory_lock(%s)", [lock_key(holder)])
        try:
            yield
        finally:  # at once: the server notices a closed connection a moment later
            with suppress(psycopg.Error):
                connection.execute("select pg_advisory_unlock(%s)", [lock_key(holder)])


@contextmanager
def first_alive(url: str, group: UUID) -> Iterator[bool]:
    """Hold a sign of life together with others of `group`; True when none of them held it before."""
    with psycopg.connect(url, autocommit=True, application_name=f"alive {group}") as connection:
        key = [lock_key(group)]
        alone = connection.execute("select pg_try_advisory_lock(%s)", key).fetchone() == (True,)
        connection.execute("select pg_advisory_lock_shared(%s)", key)
        if alone:
            connection.execute("select pg_advisory_unlock(%s)", key)
        yield alone


class Sign:
    """A sign of life shared by a group, which outlasts the database's restarts as long as somebody calls `renew`."""

    def __init__(self, url: str, group: UUID) -> None:
        self._url, self._group = url, group
        self._connection: psycopg.Connection[tuple[object, ...]] | None = None

    def renew(self) -> bool:
        """Show the sign, anew where the connection that bore it is gone; False while the database does not answer."""
        try:
            if self._connection is not None:
                self._connection.execute("select 1")
                return True
            name = f"alive {self._group}"
            fresh = psycopg.connect(
                self._url, autocommit=True, application_name=name, connect_timeout=_PATIENCE_SECONDS
            )
            fresh.execute("select pg_advisory_lock_shared(%s)", [lock_key(self._group)])
        except psycopg.Error:
            self._connection = None
            return False
        self._connection = fresh
        return True


def is_alive(connection: Connection, holder: UUID) -> bool:
    """True while some process holds the sign of life of `holder`."""
    key = lock_key(holder) & 0xFFFFFFFFFFFFFFFF
    found = connection.execute(
        text(
            "select exists(select from pg_locks where locktype = 'advisory' and granted and objsubid = 1 and "
            "database = (select oid from pg_database where datname = current_database()) and "
            "classid = cast(:high as bigint)::oid and objid = cast(:low as bigint)::oid)"
        ),
        {"high": key >> 32, "low": key & 0xFFFFFFFF},
    )
    return bool(found.scalar_one())


def lock_key(holder: UUID) -> int:
    """The advisory lock by which `holder` shows that it lives: 64 bits."""
    return int.from_bytes(holder.bytes[:8], "big", signed=True) ^ int.from_bytes(holder.bytes[8:], "big", signed=True)
