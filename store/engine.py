"""The way into PostgreSQL: one transaction at a time, as one tenant or as the system."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, create_engine, text

from spine.ids import TenantId

APP_ROLE = "opsspine_app"
SYSTEM_ROLE = "opsspine_system"
_TOLD = "opsspine.told"
_log = logging.getLogger("opsspine.incident")


def log_when_committed(connection: Connection, line: str) -> None:
    """Log `line` once this transaction is committed; what is rolled back is not told."""
    connection.info.setdefault(_TOLD, []).append(line)


def driver_url(url: str) -> str:
    """`url` with the psycopg 3 driver named, as SQLAlchemy wants it."""
    for prefix in ("postgresql://", "postgres://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url[len(prefix) :]
    return url


class Database:
    """A pool of connections and the two kinds of transaction everything runs in.

    Repositories take the connection and never commit; leaving the `with` block commits, an exception
    rolls back. Source of the role split: row-level security is FORCED, so even a forgotten WHERE shows
    one tenant only.
    """

    def __init__(self, url: str, *, pool_size: int = 5, application: str = "opsspine") -> None:
        self.url = url
        self.engine: Engine = create_engine(
            driver_url(url),
            pool_size=pool_size,
            max_overflow=10,
            pool_pre_ping=True,
            hide_parameters=True,  # they may bear secrets, and errors end up in logs and in Prefect
            connect_args={"application_name": application, "options": "-c timezone=UTC -c jit=off"},
        )

    @contextmanager
    def tenant(self, tenant_id: TenantId) -> Iterator[Connection]:
        """A transaction that can see and touch rows of `tenant_id` only."""
        with self._transaction() as connection:
            connection.execute(
                text(f"select set_config('role', '{APP_ROLE}', true), set_config('app.tenant_id', :t, true)"),
                {"t": tenant_id},
            )
            yield connection

    @contextmanager
    def system(self) -> Iterator[Connection]:
        """A transaction across tenants: flows, detection and the relay, never a request of a tenant."""
        with self._transaction() as connection:
            connection.execute(text(f"select set_config('role', '{SYSTEM_ROLE}', true)"))
            yield connection

    @contextmanager
    def owner(self) -> Iterator[Connection]:
        """A transaction as the owner of the schema: migrations, partitions, retention."""
        with self._transaction() as connection:
            yield connection

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self.engine.begin() as connection:
            connection.info.pop(_TOLD, None)  # left behind by a transaction that was rolled back
            yield connection
            told = connection.info.pop(_TOLD, [])
        for line in told:
            _log.info("%s", line)

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()
