"""From the rows that made a detector fire to the finding."""

from datetime import timedelta

import pandas as pd

from spine.detect.scene import Scene
from spine.finding import Finding
from spine.ids import TenantId
from spine.incident import IncidentKind
from spine.severity import Severity


def sighting(
    scene: Scene,
    detector: str,
    rows: pd.DataFrame,
    *,
    tenant: str,
    window: timedelta,
    n: int,
    observed: dict[str, float],
    threshold: dict[str, float],
    margin: float,
    first_event_at: pd.Timestamp | None = None,
    last_event_at: pd.Timestamp | None = None,
    window_end: pd.Timestamp | None = None,
    notes: tuple[str, ...] = (),
) -> Finding:
    """A finding on `rows` of the scene's attempts; severity is given later, by the ladder."""
    now = scene.frames.now
    end = now if window_end is None else window_end.to_pydatetime()
    first = rows["first_fail"].min() if first_event_at is None else first_event_at
    last = rows["last_fail"].max() if last_event_at is None else last_event_at
    return Finding(
        tenant_id=TenantId(tenant),
        kind=IncidentKind.FAILED_LOGINS_SPIKE,
        detector=detector,
        window_start=end - window,
        window_end=end,
        n=n,
        observed=observed,
        threshold=threshold,
        margin=margin,
        severity=Severity.MEDIUM if margin >= 1 else Severity.INFO,
        first_event_at=end - window if pd.isna(first) else first.to_pydatetime(),
        last_event_at=None if pd.isna(last) else last.to_pydatetime(),
        addresses=tuple(sorted(rows["ip"].dropna().unique())),
        users=tuple(sorted(rows["user_id"].dropna().unique())),
        synthetic=scene.drill_id is not None,
        drill_id=scene.drill_id,
        notes=notes,
    )
