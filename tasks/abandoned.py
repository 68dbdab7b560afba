"""Drills whose process is gone: failed, closed, and their key ended. Nothing of a drill outlives its time."""

from datetime import datetime

from spine.drill_score import Assertion
from spine.errors import OpsSpineError
from spine.settings import Settings
from store import drills
from store.drills import DrillRun
from store.engine import Database
from tasks.closing import close_incident

_LOST = Assertion("played", False, "to its end", "its process was gone, or it took far too long")


def end_abandoned(database: Database, settings: Settings, now: datetime) -> list[str]:
    """End every drill whose time is over; returns what could not be taken back this time, for the next round."""
    with database.system() as connection:
        left = drills.abandoned(connection, now)
    return [problem for run in left if (problem := _end(database, settings, run, now)) is not None]


def _end(database: Database, settings: Settings, run: DrillRun, now: datetime) -> str | None:
    if run.incident_id is not None:
        try:
            close_incident(
                database, settings, run.incident_id, actor=f"drill:{run.id}", reason="the drill was abandoned", now=now
            )
        except OpsSpineError as error:
            return f"drill {run.id}: {error}"
    with database.system() as connection:
        drills.finish(connection, run.id, passed=False, score=0.0, assertions=(_LOST,), at=now)
    return None
