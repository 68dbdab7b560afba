"""Event streams that tell applications to read their flags again: at every change, and when time alone changes one.

PostgreSQL notifies every gateway of every commit that raises a tenant's epoch, so any number of gateways serve streams.
Client libraries stop polling while a stream is open: what lapses or begins by itself is told, too.
"""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import structlog
from fastapi.concurrency import run_in_threadpool
from prometheus_client import Gauge
from sqlalchemy.exc import SQLAlchemyError
from sse_starlette import EventSourceResponse, ServerSentEvent

from gateway.auth import Scope, granted
from gateway.pace import Pace
from gateway.problem import Problem
from spine.clock import Clock
from spine.ids import NO_TENANT, TenantId
from spine.settings import FlagSettings
from store.engine import Database
from store.flag_cache import Loaded
from store.flag_reader import FlagReader
from store.flag_stream_key import live
from store.keys import ApiKey
from store.listen import CAUGHT_UP, notices

_log = structlog.get_logger(__name__)
_CHANNEL = "flag_epochs"
_LONGEST_SLEEP_SECONDS = 60.0
"""Until the clock is looked at again: a machine that slept wakes up with another time."""
_AFTER_EDGE_SECONDS = 0.02
"""So that whoever reads at once reads what is in force after the edge."""
_RETRY_SECONDS = 1.0
_SEND_SECONDS = 30.0
"""A client that takes nothing for so long is gone."""


@dataclass(slots=True, eq=False)
class _Listener:
    """One open stream."""

    key: ApiKey
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    ended: bool = False


@dataclass(frozen=True, slots=True)
class _Edge:
    """When flags change without a writer, by the loop's clock, and what waits for it."""

    at: float
    task: asyncio.Task[None]


class Hub:
    """The open streams of one gateway, and what wakes them."""

    def __init__(
        self, database: Database, reader: FlagReader, clock: Clock, settings: FlagSettings, streams: Gauge
    ) -> None:
        """`streams` is told how many are open."""
        self._database, self._reader, self._clock, self._settings = database, reader, clock, settings
        self._streams = streams
        self._listeners: set[_Listener] = set()
        self._open: Counter[UUID] = Counter()
        self._edges: dict[TenantId, _Edge] = {}
        self._work: list[asyncio.Task[None]] = []
        self._pace = Pace()

    def stream(self, key: ApiKey, seen: str | None, headers: dict[str, str]) -> EventSourceResponse:
        """A stream for `key`; `seen` is the id of the last event an earlier one told.

        Raises:
            Problem: 429, the key holds as many streams as it may.
        """
        if self._open[key.id] >= self._settings.streams_per_key:
            detail = f"The key {key.name!r} holds {self._settings.streams_per_key} streams here. Close some, or poll."
            raise Problem(429, "stream.too_many", detail, headers={"Retry-After": "30"})
        return EventSourceResponse(
            self._told(_Listener(key), seen),
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no", **headers},
            ping=self._settings.heartbeat_seconds,
            send_timeout=_SEND_SECONDS,
        )

    async def close(self) -> None:
        """End everything."""
        tasks = [*self._work, *(edge.task for edge in self._edges.values())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._work, self._edges = [], {}

    async def _told(self, listener: _Listener, seen: str | None) -> AsyncIterator[ServerSentEvent]:
        """An event whenever the flags are others than `seen`; the first at once, for what changed before we listened
        was told to nobody."""
        self._join(listener)
        try:
            while not listener.ended:
                listener.woken.clear()
                loaded = await self._flags(listener.key.tenant_id)
                if loaded is not None and loaded.etag != seen:
                    seen = loaded.etag
                    yield _event(loaded, self._clock.now())
                await listener.woken.wait()
                await self._pace.turn()
        finally:
            self._leave(listener)

    def _join(self, listener: _Listener) -> None:
        if self._open[listener.key.id] >= self._settings.streams_per_key:  # of several at once the last are too many
            listener.ended = True
        self._listeners.add(listener)
        self._streams.inc()
        self._open[listener.key.id] += 1
        if not self._work or any(task.done() for task in self._work):
            self._work = [asyncio.create_task(self._listen()), asyncio.create_task(self._check_keys())]

    def _leave(self, listener: _Listener) -> None:
        self._listeners.discard(listener)
        self._streams.dec()
        self._open[listener.key.id] -= 1
        if not self._open[listener.key.id]:
            del self._open[listener.key.id]
        tenant = listener.key.tenant_id
        if tenant in self._edges and not any(one.key.tenant_id == tenant for one in self._listeners):
            self._edges.pop(tenant).task.cancel()

    async def _flags(self, tenant: TenantId) -> Loaded | None:
        """The tenant's flags; None while nothing can be read (the next wake-up comes with the connection)."""
        try:
            loaded = await self._reader.get(tenant)
        except Exception as error:  # the stream lives on, whatever the database answers
            _log.warning("flags cannot be read", tenant=tenant, error=type(error).__name__)
            self._wake_at(tenant, _RETRY_SECONDS)
            return None
        left = (loaded.until - self._clock.now()).total_seconds() + _AFTER_EDGE_SECONDS
        self._wake_at(tenant, left)
        return loaded

    def _wake_at(self, tenant: TenantId, seconds: float) -> None:
        """Wake the tenant's streams once after `seconds`, in place of what was planned before.

        Each of a thousand streams asks for it after a change: all but the first find it planned.
        """
        at = asyncio.get_running_loop().time() + min(seconds, _LONGEST_SLEEP_SECONDS)
        planned = self._edges.get(tenant)
        if planned is not None and abs(planned.at - at) < _AFTER_EDGE_SECONDS / 2:
            return
        if planned is not None:
            planned.task.cancel()

        async def later() -> None:
            await asyncio.sleep(min(seconds, _LONGEST_SLEEP_SECONDS))
            self._edges.pop(tenant, None)
            self._wake(tenant)

        self._edges[tenant] = _Edge(at, asyncio.create_task(later()))

    def _wake(self, tenant: TenantId | None) -> None:
        for listener in self._listeners:
            if tenant is None or listener.key.tenant_id == tenant:
                listener.woken.set()

    async def _listen(self) -> None:
        async for notice in notices(self._database.url, _CHANNEL):
            everybody = notice in (CAUGHT_UP, NO_TENANT)  # what is held for everybody is noted under no tenant
            self._wake(None if everybody else TenantId(notice))

    async def _check_keys(self) -> None:
        """End the streams of keys that were revoked, all asked about at once."""
        while True:
            await asyncio.sleep(self._settings.key_check_seconds)
            with contextlib.suppress(SQLAlchemyError, OSError):  # while PostgreSQL is away no key can be revoked
                asked = set(self._open)
                gone = asked - await run_in_threadpool(self._alive, asked)  # who joined meanwhile was not asked about
                for listener in self._listeners:
                    if listener.key.id in gone:
                        listener.ended = True
                        listener.woken.set()

    def _alive(self, keys: set[UUID]) -> set[UUID]:
        if not keys:
            return set()
        with self._database.system() as connection:
            found = live(connection, keys, now=self._clock.now())
        return {key for key, scopes in found.items() if Scope.FLAGS_READ in granted(scopes)}


def _event(loaded: Loaded, now: datetime) -> ServerSentEvent:
    data = {"type": "refetchEvaluation", "etag": loaded.etag, "lastModified": int(now.timestamp())}
    return ServerSentEvent(data=json.dumps(data), id=loaded.etag)
