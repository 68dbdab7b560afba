"""The application's own SQLite file: accounts, sessions and events not yet sent."""

import hashlib
import secrets
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_TABLES = """
create table if not exists account(name text primary key, password_hash text not null);
create table if not exists session(token_hash text primary key, name text not null);
create table if not exists outgoing(id integer primary key autoincrement, line text not null);
"""


class ShopDatabase:
    """One connection behind a lock: plenty for a login page, and no write ever meets a busy file."""

    def __init__(self, file: Path) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(file, check_same_thread=False)
        self._connection.execute("pragma journal_mode=wal")
        self._connection.execute("pragma synchronous=normal")
        self._connection.executescript(_TABLES)

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._connection:
            yield self._connection

    def add_accounts(self, accounts: Sequence[tuple[str, str]]) -> None:
        """Store (name, password hash) pairs; a name that exists keeps its password."""
        with self._write() as connection:
            connection.executemany("insert or ignore into account values (?, ?)", accounts)

    def names(self) -> set[str]:
        """Everybody who has an account."""
        with self._lock:
            return {name for (name,) in self._connection.execute("select name from account")}

    def password_hash(self, name: str) -> str | None:
        """The hash of `name`'s password, or None when nobody has that name."""
        with self._lock:
            row = self._connection.execute("select password_hash from account where name = ?", [name]).fetchone()
        return None if row is None else str(row[0])

    def open_session(self, name: str) -> str:
        """A new session's token; only its digest is kept."""
        token = secrets.token_urlsafe(32)
        with self._write() as connection:
            connection.execute("insert into session values (?, ?)", [digest(token), name])
        return token

    def session_name(self, token: str) -> str | None:
        """Whose session `token` is, or None."""
        with self._lock:
            row = self._connection.execute("select name from session where token_hash = ?", [digest(token)]).fetchone()
        return None if row is None else str(row[0])

    def close_session(self, token: str) -> None:
        """Forget the session of `token`."""
        with self._write() as connection:
            connection.execute("delete from session where token_hash = ?", [digest(token)])

    def queue(self, lines: Sequence[str]) -> None:
        """Keep event lines until they are delivered."""
        with self._write() as connection:
            connection.executemany("insert into outgoing(line) values (?)", [(line,) for line in lines])

    def queued(self, limit: int) -> list[tuple[int, str]]:
        """The oldest undelivered lines, with their numbers."""
        with self._lock:
            return self._connection.execute("select id, line from outgoing order by id limit ?", [limit]).fetchall()

    def delivered(self, up_to: int) -> None:
        """Drop the lines up to number `up_to`."""
        with self._write() as connection:
            connection.execute("delete from outgoing where id <= ?", [up_to])

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()


def digest(token: str) -> str:
    """What is stored in place of a session token."""
    return hashlib.sha256(token.encode()).hexdigest()
