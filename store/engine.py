"""The way into PostgreSQL: one transaction at a time, as one tenant or as the system."""

import logging
import select
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from psycopg import sql
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import InvalidatePoolError

from spine import trace
from spine.ids import TenantId

APP_ROLE = "opsspine_app"
SYSTEM_ROLE = "opsspine_system"
KEEPALIVE: dict[str, Any] = {
    "keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 30_000,
}  # fmt: skip
"""What has gone without a word, behind a proxy or a firewall, is known within half a minute."""
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
    one tenant only. A connection of the engine itself is in autocommit: what must hold together goes through
    `tenant`, `system` or `owner`.
    """

    def __init__(self, url: str, *, pool_size: int = 5, overflow: int = 10, application: str = "opsspine") -> None:
        """`pool_size` connections are kept; up to `overflow` more are made in need, and closed after use."""
        self.url = url
        self.engine: Engine = create_engine(
            driver_url(url),
            pool_size=pool_size,
            max_overflow=overflow,
            hide_parameters=True,  # they may bear secrets, and errors end up in logs and in Prefect
            isolation_level="AUTOCOMMIT",  # the driver's BEGIN is a journey of its own; ours takes the settings along
            connect_args={"application_name": application, "options": "-c timezone=UTC -c jit=off", **KEEPALIVE},
        )
        event.listen(self.engine, "checkout", _still_there)

    @contextmanager
    def tenant(self, tenant_id: TenantId) -> Iterator[Connection]:
        """A transaction that can see and touch rows of `tenant_id` only."""
        with self._transaction(role=APP_ROLE, tenant=tenant_id) as connection:
            yield connection

    @contextmanager
    def system(self) -> Iterator[Connection]:
        """A transaction across tenants: flows, detection and the relay, never a request of a tenant."""
        with self._transaction(role=SYSTEM_ROLE) as connection:
            yield connection

    @contextmanager
    def owner(self) -> Iterator[Connection]:
        """A transaction as the owner of the schema: migrations, partitions, retention."""
        with self._transaction() as connection:
            yield connection

    @contextmanager
    def _transaction(self, role: str | None = None, tenant: TenantId | None = None) -> Iterator[Connection]:
        # rows that others act on belong to this trace
        wanted = {"role": role, "app.tenant_id": tenant, "app.traceparent": trace.traceparent()}
        with self.engine.begin() as connection:
            connection.info.pop(_TOLD, None)  # left behind by a transaction that was rolled back
            connection.exec_driver_sql(_begin({name: value for name, value in wanted.items() if value}))
            yield connection
            told = connection.info.pop(_TOLD, [])
        for line in told:
            _log.info("%s", line)

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def _begin(settings: dict[str, str]) -> str:
    """A transaction and what holds while it lasts, in one journey to the server and back."""
    each = (f"set_config('{name}', {sql.quote(value)}, true)" for name, value in settings.items())
    return f"begin; select {', '.join(each)}".replace("%", "%%") if settings else "begin"


def _still_there(connection: Any, *_: object) -> None:
    """A server that has gone has said so on the socket, or the system has by then (KEEPALIVE): to look costs nothing,
    to ask costs as much as a statement."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if poll.poll(0):
        raise InvalidatePoolError
