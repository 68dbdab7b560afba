"""From numbers to findings, for every detector of failures."""

from dataclasses import dataclass
from datetime import timedelta

import pandas as pd

from spine.detect.fault.cell import WINDOWS
from spine.detect.scene import Scene
from spine.finding import Finding
from spine.ids import TenantId
from spine.incident import IncidentKind
from spine.severity import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one detector saw of one subject in one window."""

    kind: IncidentKind
    detector: str
    tenant: str
    subject: str
    window: str
    n: float
    observed: dict[str, float]
    threshold: dict[str, float]
    margin: float
    severity: Severity
    first: pd.Timestamp
    last: pd.Timestamp
    part_of: str | None = None
    tenants: tuple[str, ...] = ()

    def finding(self, scene: Scene) -> Finding:
        """As a finding of the scene's moment."""
        start = scene.frames.now - timedelta(minutes=WINDOWS[self.window])
        return Finding(
            tenant_id=TenantId(self.tenant),
            kind=self.kind,
            detector=self.detector,
            window_start=start,
            window_end=scene.frames.now,
            n=int(self.n),
            observed={name: float(value) for name, value in self.observed.items()},
            threshold={name: float(value) for name, value in self.threshold.items()},
            margin=float(self.margin),
            severity=self.severity if self.margin >= 1 else Severity.INFO,
            first_event_at=start if pd.isna(self.first) else max(self.first.to_pydatetime(), start),
            last_event_at=None if pd.isna(self.last) else self.last.to_pydatetime(),
            subject=self.subject,
            part_of=self.part_of,
            tenants=self.tenants,
        )
