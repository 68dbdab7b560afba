"""Flags ready to be evaluated, and never older than the last commit.

Every question asks PostgreSQL for the tenant's epoch (one row by its key) and composes again only when it rose, a hold
lapsed or a planned change began. So a released hold, or an edit, is seen by the very next evaluation.
"""

import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import rfc8785
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from spine.clock import Clock, SystemClock
from spine.flag import FlagSet
from spine.flag.stored import StoredFlag
from spine.ids import TenantId
from store import flag_epoch, flags
from store.engine import SYSTEM_ROLE, Database, driver_url

_NEVER = datetime.max.replace(tzinfo=UTC)
MOST_TENANTS = 1_000
"""Sets kept at once; the one longest unused makes room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A tenant's flags as they were stored at `epoch`, composed for a stretch of time."""

    epoch: int
    stored: Mapping[str, StoredFlag]
    broken: Mapping[str, str]
    set: FlagSet
    until: datetime
    """When the first hold lapses or the first planned change begins: then flags change without any writer."""
    etag: str
    """The same for the same definitions, in every process."""

    def at(self, now: datetime) -> "Loaded":
        """What they are at `now`, with nothing read again."""
        return self if now < self.until else composed(self.epoch, self.stored, self.broken, now)


def composed(
    epoch: int, stored: Mapping[str, StoredFlag], broken: Mapping[str, str], now: datetime
) -> Loaded:  # fmt: skip
    """What applications see of `stored` at `now`."""
    definitions = {key: flag.at(now) for key, flag in stored.items() if not flag.base_at(now).archived}
    shown = {key: definition.stored() for key, definition in definitions.items()}
    return Loaded(
        epoch=epoch, stored=stored, broken=broken, set=FlagSet(definitions, broken),
        until=min((edge for flag in stored.values() if (edge := flag.next_edge(now))), default=_NEVER),
        etag=hashlib.sha256(rfc8785.dumps({"flags": shown, "broken": sorted(broken)})).hexdigest()[:32],
    )  # fmt: skip


def load(database: Database, tenant: TenantId, epoch: int, now: datetime) -> Loaded:
    """What is stored at `epoch` or later: the number was read first, so at worst it is read again."""
    with database.tenant(tenant) as connection:
        stored, broken = flags.all_flags(connection, tenant), flags.broken(connection, tenant)
    return composed(epoch, stored, broken, now)


class FlagCache:
    """The effective flags of every tenant that asks, for programs that wait for PostgreSQL in threads."""

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or SystemClock()
        self._entries: dict[TenantId, Loaded] = {}
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
        if entry is None or entry.epoch != epoch:
            entry = load(self._database, tenant, epoch, now)
            keep(self._entries, tenant, entry, self._lock)
        elif entry.until <= now:
            entry = entry.at(now)
            keep(self._entries, tenant, entry, self._lock)
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


def keep(entries: dict[TenantId, Loaded], tenant: TenantId, entry: Loaded, lock: threading.Lock) -> None:
    """Put `entry` into a cache of bounded size."""
    with lock:
        entries.pop(tenant, None)
        entries[tenant] = entry
        while len(entries) > MOST_TENANTS:
            del entries[next(iter(entries))]
