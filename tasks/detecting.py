"""One tick of detection: fold, look, judge, record. Whoever calls it, whenever: it never doubles anything."""

import time
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

import pandas as pd
from sqlalchemy import Connection, text

from spine.clock import aware
from spine.detect import detect
from spine.detect.frames import Frames
from spine.finding import Finding
from spine.ids import TenantId
from spine.incident import Incident, IncidentKind
from spine.settings import Settings
from store import incidents
from store.engine import Database
from store.fold import fold
from store.frames import read_frames
from store.heartbeats import beat
from store.incidents import Opening

_LOCK = 0x7469636B
"""Advisory lock: one tick at a time, however many schedulers there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
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
    database: Database, settings: Settings, now: datetime, *, kinds: Collection[IncidentKind] = tuple(IncidentKind)
) -> TickResult:
    """Look at all tenants as they are at `now`, and turn what is found into incidents of `kinds`.

    Counts are folded in a transaction of their own; everything else (incidents, timeline, audit, messages,
    heartbeat) is one transaction.
    """
    now, started = aware(now), time.perf_counter()
    with database.system() as connection:
        folded = fold(connection, settings.detect.bucket)
    with database.system() as connection:
        free = connection.execute(text("select pg_try_advisory_xact_lock(:k)"), {"k": _LOCK}).scalar_one()
        if not free:
            return TickResult(at=now, folded=folded, busy=True)
        result = _look(connection, settings, now, kinds, folded, started)
        detail = {"seconds": round(result.seconds, 4), "watermark": result.watermark, "folded": folded}
        beat(connection, "detect", now=now, detail=detail | {"findings": len(result.findings)})
    return result


def _look(
    connection: Connection,
    settings: Settings,
    now: datetime,
    kinds: Collection[IncidentKind],
    folded: int,
    started: float,
) -> TickResult:
    frames = read_frames(connection, now)
    # evidence of drills is looked at on their own clock, in a database of their own (tasks/replaying.py)
    findings = [one for one in detect(frames, settings.detect) if one.kind in kinds and not one.synthetic]
    back = incidents.restore(connection, now, detect=settings.detect, notify=settings.notify)
    ended = incidents.settle(connection, watermarks(frames), now, detect=settings.detect, notify=settings.notify)
    openings = incidents.record(connection, findings, now, detect=settings.detect, notify=settings.notify)
    newest = frames.tenants["watermark"].max()
    return TickResult(
        at=now,
        folded=folded,
        findings=findings,
        openings=back + openings,
        ended=ended,
        watermark=None if pd.isna(newest) else newest.to_pydatetime(),
        seconds=time.perf_counter() - started,
    )


def watermarks(frames: Frames) -> dict[TenantId, datetime]:
    """How far each tenant's events reach, no further than `now`."""
    rows = frames.tenants.dropna(subset="watermark")
    return {
        TenantId(str(tenant)): min(at.to_pydatetime(), frames.now)
        for tenant, at in zip(rows["tenant_id"], rows["watermark"], strict=True)
    }
