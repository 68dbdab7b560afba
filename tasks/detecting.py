"""One tick of detection: fold, look, judge, record. Whoever calls it, whenever: it never doubles anything."""

import time
from collections.abc import Collection, Generator, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import pandas as pd
from sqlalchemy import text

from spine.clock import aware
from spine.detect import detect
from spine.detect.episode import Cause, by_urgency
from spine.detect.frames import Frames
from spine.finding import Finding
from spine.ids import TenantId
from spine.incident import AUTH_KINDS, Incident, IncidentKind
from spine.settings import Settings
from store import incidents
from store.engine import Database
from store.fold import fold
from store.frames import read_frames
from store.heartbeats import beat
from store.hooks import tell_openings
from store.incidents import Opening
from store.retry import retrying

_LOCK = text(
    "select pg_try_advisory_xact_lock(1953063787) from set_config('idle_in_transaction_session_timeout', '0', true)"
)
"""One tick at a time, however many schedulers there are; whoever waits for the parts of a tick is not idle."""
_AT_ONCE = 25
"""Incidents recorded in one transaction."""


@dataclass(slots=True, kw_only=True)
class TickResult:
    """What one tick did."""

    at: datetime
    folded: int = 0
    findings: list[Finding] = field(default_factory=list)
    openings: list[Opening] = field(default_factory=list)
    """One per incident that findings opened or added to, or that a suppression gave back."""
    ended: list[Incident] = field(default_factory=list)
    watermark: datetime | None = None
    """Time of the latest event of any tenant; None = there is none."""
    seconds: float = 0.0
    busy: bool = False
    """True when another tick was running, so that this one left everything to it."""

    @property
    def sentence(self) -> str:
        """The tick in words."""
        if self.busy:
            return "another tick is running and sees all this one would"
        new = sum(opening.is_new for opening in self.openings)
        return (
            f"{self.folded} events folded, {len(self.findings)} findings, {new} incidents opened, "
            f"{len(self.openings) - new} grew, {len(self.ended)} ended, in {self.seconds * 1000:.0f} ms"
        )


def tick(
    database: Database, settings: Settings, now: datetime, *, kinds: Collection[IncidentKind] = AUTH_KINDS
) -> TickResult:
    """Look at all tenants as they are at `now`, and turn what is found into incidents of `kinds`."""
    result = TickResult(at=aware(now))
    for _ in ticking(database, settings, result, kinds):
        pass
    return result


def ticking(
    database: Database, settings: Settings, result: TickResult, kinds: Collection[IncidentKind] = AUTH_KINDS
) -> Generator[list[Opening], None, None]:
    """A tick by parts: what each transaction opened, once it is committed. `result` has its time, and gets the rest.

    Counts are folded in a transaction of their own. What is found is recorded the worst first, a few incidents (with
    timeline, audit and messages) a transaction: in a storm of a thousand the criticals are told and answered first,
    and what a tick that dies, or is closed between two parts, has not recorded the next one finds again. Plug-ins are
    told at the end, when nobody waits for this tick any more.
    """
    started = time.perf_counter()
    with database.system() as connection:
        result.folded = fold(connection, settings.detect.bucket)
    try:
        with database.system() as guard:  # held until the end; all else has transactions of its own
            if not guard.execute(_LOCK).scalar_one():
                result.busy = True
                return
            yield from filter(None, _record(database, settings, result, kinds))
            result.seconds = time.perf_counter() - started
            detail = {"seconds": round(result.seconds, 4), "watermark": result.watermark, "folded": result.folded}
            with database.system() as connection:
                beat(connection, "detect", now=result.at, detail=detail | {"findings": len(result.findings)})
    finally:
        tell_openings(database, settings, result.openings)


def _record(
    database: Database, settings: Settings, result: TickResult, kinds: Collection[IncidentKind]
) -> Iterator[list[Opening]]:
    """Look, and record: what each transaction opened, once it is committed; `result` gets everything."""
    now, detect_by, notify = result.at, settings.detect, settings.notify

    def look() -> tuple[list[Opening], dict[Cause, list[Finding]]]:
        with database.system() as connection:
            frames = read_frames(connection, now)
            # evidence of drills is looked at on their own clock, in a database of their own (tasks/replaying.py)
            found = detect(frames, detect_by)
            result.findings = [one for one in found if one.kind in kinds and not one.synthetic]
            restored = incidents.restore(connection, now, detect=detect_by, notify=notify)
            result.ended = incidents.settle(connection, watermarks(frames), now, detect=detect_by, notify=notify)
            newest = frames.tenants["watermark"].max()
            result.watermark = None if pd.isna(newest) else newest.to_pydatetime()
            return restored, incidents.by_cause(connection, result.findings)

    def transaction(part: dict[Cause, list[Finding]]) -> list[Opening]:
        with database.system() as connection:
            return incidents.record_causes(connection, part, now, detect=detect_by, notify=notify)

    result.openings, groups = retrying(look)
    yield result.openings
    for part in by_urgency(groups, _AT_ONCE):
        openings = retrying(partial(transaction, part))
        result.openings = result.openings + openings
        yield openings


def watermarks(frames: Frames) -> dict[TenantId, datetime]:
    """How far each tenant's events reach, no further than `now`."""
    rows = frames.tenants.dropna(subset="watermark")
    return {
        TenantId(str(tenant)): min(at.to_pydatetime(), frames.now)
        for tenant, at in zip(rows["tenant_id"], rows["watermark"], strict=True)
    }
