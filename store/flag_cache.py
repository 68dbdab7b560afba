"""Flags ready to be evaluated, and never older than the last commit.

Every question asks PostgreSQL for the tenant's epoch (one row by its key) and composes again only when it
rose or a hold lapsed. So a released hold, or an edit, is seen by the very next evaluation.
"""

import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from spine.clock import Clock, SystemClock
from spine.flag import FlagSet
from spine.ids import TenantId
from store import flags
from store.engine import Database

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

    def get(self, tenant: TenantId) -> FlagSet:
        """What applications of `tenant` see now."""
        now = self._clock.now()
        with self._database.tenant(tenant) as connection:
            epoch = flags.epoch(connection, tenant)
            entry = self._entries.get(tenant)
            if entry is None or entry.epoch != epoch or entry.until <= now:
                stored = flags.all_flags(connection, tenant)
                ends = [h.expires_at for flag in stored.values() for h in flag.holds if h.expires_at > now]
                until = min(ends, default=_NEVER)
                entry = _Entry(
                    epoch,
                    until - timedelta(microseconds=until.microsecond),
                    FlagSet({key: flag.at(now) for key, flag in stored.items()}),
                )
            self._keep(tenant, entry)
        return entry.set

    def _keep(self, tenant: TenantId, entry: _Entry) -> None:
        with self._lock:
            self._entries.pop(tenant, None)
            self._entries[tenant] = entry
            while len(self._entries) > _MOST_TENANTS:
                del self._entries[next(iter(self._entries))]
