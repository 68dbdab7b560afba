"""Plug-ins with their record: a fault is counted, and audited while it is news (1 to 5, 10, 20, 40 … times)."""

import logging
import queue
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from spine.approval import worth_an_entry
from spine.audit import AuditAction
from spine.clock import SystemClock
from spine.hook import Fault, Hook, Hooks, IncidentSeen, Report, Told
from spine.ids import NO_TENANT
from spine.settings import Settings
from spine.settings.hook import HookSettings
from store import audit
from store.engine import Database
from store.incidents import Opening

_log = logging.getLogger(__name__)
_WAITING = 1_000
"""So much is kept for plug-ins that are slow to listen; what comes then is not told, and counted."""
_TELLING_SECONDS = 20
"""So long a tick may tell plug-ins of what it found: until it has ended no other begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultCount:
    """How often a plug-in failed at one point in one way."""

    plugin: str
    hook: str
    kind: str
    times: int
    last_at: datetime
    last_error: str


def hooks(database: Database, settings: Settings) -> Hooks:
    """The plug-ins of this process, loaded once; their faults go into `database`."""
    known = _LOADED.get(database)
    if known is None or known[0] != settings.hook:
        chosen = settings.hook.model_copy()
        known = (chosen, Hooks.installed(chosen, reporter(database)))
        _LOADED[database] = known
    return known[1]


_LOADED: WeakKeyDictionary[Database, tuple[HookSettings, Hooks]] = WeakKeyDictionary()


def reporter(database: Database) -> Report:
    """Writes faults down; a database that cannot be reached costs the record, not the work."""

    def report(fault: Fault) -> None:
        _log.warning("plug-in %s at %s: %s: %s", fault.plugin, fault.hook, fault.kind, fault.error)
        try:
            with database.system() as connection:
                record(connection, fault, SystemClock().now())
        except SQLAlchemyError as error:
            _log.warning("the fault of plug-in %s could not be written down: %s", fault.plugin, type(error).__name__)

    return report


def faults(connection: Connection) -> list[FaultCount]:
    """Every fault there was, latest first; as the system role."""
    rows = connection.execute(
        text(
            "select plugin, hook, kind, times, last_at, last_error from hook_faults order by last_at desc, plugin, hook"
        )
    )
    return [FaultCount(**row._mapping) for row in rows]


def record(connection: Connection, fault: Fault, now: datetime) -> None:
    """Count a fault, and audit it while it is news; as the system role."""
    times: int = connection.execute(
        text(
            "insert into hook_faults as f(plugin, hook, kind, times, last_at, last_error)"
            " values(:plugin, :hook, :kind, 1, :now, :error) on conflict(plugin, hook, kind) do update"
            " set times = f.times + 1, last_at = :now, last_error = :error returning times"
        ),
        {"plugin": fault.plugin, "hook": fault.hook, "kind": fault.kind, "now": now, "error": fault.error},
    ).scalar_one()
    if worth_an_entry(times):
        audit.append(
            connection, fault.tenant or NO_TENANT, AuditAction.HOOK_FAILED, actor=f"plugin:{fault.plugin}", at=now,
            subject=f"hook:{fault.hook}", outcome=fault.kind, detail={"error": fault.error, "times": times},
        )  # fmt: skip


def told_openings(listeners: "Hooks | Later", openings: Iterable[Opening]) -> None:
    """Tell of incidents that opened or grew; after the commit."""
    for one in openings:
        told = IncidentSeen(tenant=one.incident.tenant_id, incident=one.incident, opened=one.opened)
        listeners.observe(Hook.ON_INCIDENT, told)


def tell_openings(database: Database, settings: Settings, openings: Sequence[Opening]) -> None:
    """Tell of them, the first ones first, from a process with other work: what took too long is counted as not told."""
    if not openings:
        return  # nor load what plug-ins bring
    listeners, until = hooks(database, settings), time.monotonic() + _TELLING_SECONDS
    for number, one in enumerate(openings):
        if time.monotonic() > until:
            said = f"{number} incidents took plug-ins {_TELLING_SECONDS} s; {len(openings) - number} are left out"
            reporter(database)(Fault(plugin="*", hook=Hook.ON_INCIDENT.value, kind="left_out", error=said))
            return
        told_openings(listeners, [one])


class Later:
    """Tells plug-ins from a thread of its own: whoever takes events in does not wait for anybody."""

    def __init__(self, told_to: Hooks, report: Report) -> None:
        self._hooks, self._report = told_to, report
        self._queue: queue.Queue[tuple[Hook, Told]] = queue.Queue(_WAITING)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def observe(self, hook: Hook, told: Told) -> None:
        """Tell it soon; when too much waits already, count it as not told."""
        if not self._hooks.listens(hook):
            return
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="hooks", daemon=True)
                self._thread.start()
        try:
            self._queue.put_nowait((hook, told))
        except queue.Full:
            said = f"{_WAITING} calls wait for the plug-ins; this one is left out"
            self._report(Fault(plugin="*", hook=hook.value, kind="left_out", error=said, tenant=told.tenant))

    def _work(self) -> None:
        while True:
            self._hooks.observe(*self._queue.get())
