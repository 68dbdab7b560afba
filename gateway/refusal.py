"""Refusals are audited; a flood of them is counted, not written row by row."""

import threading
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog
from asgi_correlation_id import correlation_id

from spine.audit import AuditAction
from spine.ids import NO_TENANT, TenantId
from store import audit
from store.engine import Database

_log = structlog.get_logger(__name__)
_PER_MINUTE = 10
_MINUTE = timedelta(minutes=1)


class Refusals:
    """Writes refusals to the audit trail: of each kind the first ten of a minute one by one, the rest as a number.

    Of each kind, so that a flood of one hides no other. The limit is per process and only about the record: every
    request is refused all the same.
    """

    def __init__(self, database: Database, count: Callable[[str], None] | None = None) -> None:
        self._database, self._count = database, count
        self._lock = threading.Lock()
        self._window: datetime | None = None
        self._written: Counter[str] = Counter()
        self._suppressed: Counter[str] = Counter()

    def record(
        self,
        reason: str,
        *,
        now: datetime,
        actor: str,
        subject: str,
        tenant: TenantId = NO_TENANT,
        detail: dict[str, Any] | None = None,
    ) -> None:
        """Audit that `actor` was refused, and why. `tenant` is whose trail it goes to: never a claimed one."""
        kind = reason.partition(":")[0]  # what follows may be text from outside
        if self._count is not None:
            self._count(kind)
        skipped = self._admit(kind, now)
        if skipped is None:
            return
        _log.warning("refused", reason=reason, actor=actor, subject=subject, not_logged_before=skipped)
        with self._database.system() as connection:
            audit.append(
                connection,
                tenant,
                AuditAction.ACTION_DENIED,
                actor=actor,
                at=now,
                subject=subject,
                outcome="refused",
                detail={
                    "reason": reason,
                    "request": correlation_id.get(),
                    **(detail or {}),
                    **({"not_recorded_before": skipped} if skipped else {}),
                },
            )

    def _admit(self, kind: str, now: datetime) -> int | None:
        """How many of this kind went unrecorded before this one; None = this one goes unrecorded too."""
        with self._lock:
            if self._window is None or now - self._window >= _MINUTE:
                self._window = now
                self._written.clear()
            if self._written[kind] >= _PER_MINUTE:
                self._suppressed[kind] += 1
                return None
            self._written[kind] += 1
            return self._suppressed.pop(kind, 0)
