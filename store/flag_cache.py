"""Flags ready to be evaluated, and never older than the last commit.

Every question asks PostgreSQL for the tenant's epoch (one row by its key) and composes again only when it
rose or a hold lapsed. So a released hold, or an edit, is seen by the very next evaluation.
"""

import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from spine.clock import Clock, SystemClock
from spine.flag import FlagSet
from spine.ids import TenantId
from store import flag_epoch, flags
from store.engine import SYSTEM_ROLE, Database, driver_url

_NEVER = datetime.max.replace(tzinfo=UTC)
_MOST_TENANTS = 1_000
"""Sets kept at once; the one longest unused makes room."""


@dataclass(frozen=True, slots=True)
class _Entry:
    epoch: int
    until: datetime
    """When the first hold lapses: then the metadata may change without any writer."""
    set: FlagSet


class FlagCache:
    """The effective flags of every tenant that asks, one process."""

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or SystemClock()
        self._entries: dict[TenantId, _Entry] = {}
        self._lock = threading.Lock()
        # one round trip a question: no transaction, the role taken at connect, a dead connection found by use
        self._epochs = create_engine(
            driver_url(database.url),
            isolation_level="AUTOCOMMIT",
            pool_size=5,
            hide_parameters=True,
            connect_args={"application_name": "opsspine-flags", "options": f"-c role={SYSTEM_ROLE} -c timezone=UTC"},
        )

    def get(self, tenant: TenantId) -> FlagSet:
        """What applications of `tenant` see now."""
        epoch, now = self._epoch(tenant), self._clock.now()
        entry = self._entries.get(tenant)
        if entry is None or entry.epoch != epoch or entry.until <= now:
            entry = self._compose(tenant, epoch, now)
            self._keep(tenant, entry)
        return entry.set

    def close(self) -> None:
        """Give the connections back."""
        self._epochs.dispose()

    def _epoch(self, tenant: TenantId) -> int:
        for attempt in (1, 2):
            try:
                with self._epochs.connect() as connection:
                    return flag_epoch.epoch(connection, tenant)
            except OperationalError as error:
                if attempt == 2 or not error.connection_invalidated:
                    raise
        raise AssertionError("unreachable: the second attempt returns or raises")

    def _compose(self, tenant: TenantId, epoch: int, now: datetime) -> _Entry:
        """What is stored at `epoch` or later: the number was read first, so at worst it is composed again."""
        with self._database.tenant(tenant) as connection:
            stored = flags.all_flags(connection, tenant)
        ends = [h.expires_at for flag in stored.values() for h in flag.holds if h.expires_at > now]
        until = min(ends, default=_NEVER)
        loaded = FlagSet({key: flag.at(now) for key, flag in stored.items()})
        return _Entry(epoch, until - timedelta(microseconds=until.microsecond), loaded)

    def _keep(self, tenant: TenantId, entry: _Entry) -> None:
        with self._lock:
            self._entries.pop(tenant, None)
            self._entries[tenant] = entry
            while len(self._entries) > _MOST_TENANTS:
                del self._entries[next(iter(self._entries))]
