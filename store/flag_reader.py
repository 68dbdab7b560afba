"""Flags for a server on an event loop: as fresh as `FlagCache`, with one question to PostgreSQL for all who wait.

Requests that come while a question is under way wait for the next one, so each is answered by an epoch that was read
after it came. While PostgreSQL does not answer nothing can be changed either, so flags are served as they last were,
for a while; their ends and planned changes still take effect.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterable
from datetime import timedelta

import psycopg
import structlog
from psycopg.conninfo import make_conninfo
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from spine.clock import Clock, SystemClock
from spine.ids import NO_TENANT, TenantId
from store.engine import SYSTEM_ROLE, Database
from store.flag_cache import Loaded, keep, load

_log = structlog.get_logger(__name__)
_ANSWER_SECONDS = 3.0
"""A server that takes longer for one row is as good as away."""
_EPOCHS = "select tenant_id, epoch from flag_epochs where tenant_id = any(%s)"
_UNREACHABLE = (psycopg.Error, OSError, TimeoutError)


class Epochs:
    """Epochs of tenants, asked for all waiting requests together over one connection."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._next: dict[TenantId, list[asyncio.Future[int]]] = {}
        self._asking: asyncio.Task[None] | None = None
        self._connection: psycopg.AsyncConnection[tuple[str, int]] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def of(self, tenant: TenantId) -> int:
        """The tenant's epoch, read after this call began.

        Raises:
            psycopg.Error, OSError, TimeoutError: PostgreSQL does not answer.
        """
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._next, self._asking, self._connection = loop, {}, None, None
        answer: asyncio.Future[int] = loop.create_future()
        self._next.setdefault(tenant, []).append(answer)
        if self._asking is None:
            self._asking = loop.create_task(self._ask())
        return await answer

    async def close(self) -> None:
        """Give the connection back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _ask(self) -> None:
        while self._next:
            await asyncio.sleep(0)  # requests that have come already join: a question costs more than an answer
            asked, self._next = self._next, {}
            try:
                found = await self._read(asked)
            except Exception as error:  # whatever it is, those who wait must hear of it
                for answer in _waiting(asked.values()):
                    answer.set_exception(error)
                continue
            everybody = found.get(NO_TENANT, 0)
            for tenant, answers in asked.items():
                epoch = everybody + (found.get(tenant, 0) if tenant != NO_TENANT else 0)
                for answer in _waiting([answers]):
                    answer.set_result(epoch)
        self._asking = None

    async def _read(self, tenants: Iterable[TenantId]) -> dict[str, int]:
        """Twice, for a connection that stood idle may be dead."""
        wanted = [*tenants, NO_TENANT]
        if self._connection is not None:
            try:
                return await self._query(self._connection, wanted)
            except _UNREACHABLE:
                connection, self._connection = self._connection, None
                with contextlib.suppress(*_UNREACHABLE):
                    await connection.close()
        where = make_conninfo(self._url, application_name="opsspine-flags", connect_timeout=3)
        async with asyncio.timeout(_ANSWER_SECONDS):
            self._connection = await psycopg.AsyncConnection.connect(
                where, autocommit=True, options=f"-c role={SYSTEM_ROLE} -c timezone=UTC", prepare_threshold=0
            )
        return await self._query(self._connection, wanted)

    async def _query(
        self, connection: psycopg.AsyncConnection[tuple[str, int]], wanted: list[TenantId]
    ) -> dict[str, int]:
        async with asyncio.timeout(_ANSWER_SECONDS):
            return dict(await (await connection.execute(_EPOCHS, [wanted])).fetchall())


def _waiting(answers: Iterable[list[asyncio.Future[int]]]) -> list[asyncio.Future[int]]:
    """Those whose request is still there."""
    return [answer for some in answers for answer in some if not answer.done()]


class FlagReader:
    """The effective flags of every tenant that asks."""

    def __init__(self, database: Database, clock: Clock | None = None, *, outage: timedelta = timedelta(0)) -> None:
        """`outage`: how long flags are served as they last were while PostgreSQL does not answer."""
        self._database, self._clock = database, clock or SystemClock()
        self._outage_seconds = outage.total_seconds()
        self._epochs = Epochs(database.url)
        self._entries: dict[TenantId, Loaded] = {}
        self._seen: dict[TenantId, float] = {}
        self._loading: dict[tuple[TenantId, int], asyncio.Task[Loaded]] = {}
        self._lock = threading.Lock()

    async def get(self, tenant: TenantId) -> Loaded:
        """What applications of `tenant` see now.

        Raises:
            psycopg.Error, sqlalchemy.exc.SQLAlchemyError, OSError: PostgreSQL does not answer, and what is known is
                too old.
        """
        try:
            epoch = await self._epochs.of(tenant)
            entry = self._entries.get(tenant)
            if entry is None or entry.epoch != epoch:
                entry = await self._load(tenant, epoch)
            self._seen[tenant] = time.monotonic()
        except (*_UNREACHABLE, SQLAlchemyError) as error:
            entry = self._remembered(tenant, error)
        now = self._clock.now()
        if entry.until <= now:
            entry = entry.at(now)
            keep(self._entries, tenant, entry, self._lock)
        return entry

    async def close(self) -> None:
        """Give the connection back."""
        await self._epochs.close()

    async def _load(self, tenant: TenantId, epoch: int) -> Loaded:
        """Read once, however many wait for it."""
        task = self._loading.get((tenant, epoch))
        if task is None:
            read = asyncio.to_thread(load, self._database, tenant, epoch, self._clock.now())
            task = self._loading[tenant, epoch] = asyncio.create_task(read)
            task.add_done_callback(lambda _: self._loading.pop((tenant, epoch), None))
        entry = await asyncio.shield(task)
        keep(self._entries, tenant, entry, self._lock)
        self._seen = {known: at for known, at in self._seen.items() if known in self._entries}
        return entry

    def _remembered(self, tenant: TenantId, error: Exception) -> Loaded:
        entry, seen = self._entries.get(tenant), self._seen.get(tenant)
        if entry is None or seen is None or time.monotonic() - seen > self._outage_seconds:
            raise error
        what = type(error.orig).__name__ if isinstance(error, DBAPIError) else type(error).__name__
        _log.warning("flags are served as they last were", tenant=tenant, error=what)
        return entry
