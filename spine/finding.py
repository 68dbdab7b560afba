"""Findings: what one detector saw in one window. Several findings make an incident."""

from dataclasses import dataclass, field
from datetime import datetime

from spine.ids import FindingId, TenantId, derive
from spine.incident import IncidentKind
from spine.severity import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A rule or detector that fired, with the numbers that made it fire."""

    tenant_id: TenantId
    kind: IncidentKind
    detector: str
    """Stable name, for instance "stuffing_one_address"."""
    window_start: datetime
    window_end: datetime
    n: int
    """Sample size: events the judgement rests on."""
    observed: dict[str, float]
    threshold: dict[str, float]
    margin: float
    """observed / threshold of the deciding measure; 1.0 is exactly at the line. A finding under the line adds
    evidence to an open incident and opens none."""
    severity: Severity
    first_event_at: datetime
    last_event_at: datetime | None = None
    """Latest event it rests on; None = none within the hour, so that it tells nothing new."""
    subject: str = "tenant"
    addresses: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    """User ids as the application gave them; hashed before they leave the database."""
    compromised: tuple[str, ...] = ()
    """Those of them who succeeded from an attacking address after it had failed."""
    synthetic: bool = False
    drill_id: str | None = None
    notes: tuple[str, ...] = field(default=())
    tenants: tuple[str, ...] = ()
    """Whom a finding that spans tenants touches."""
    part_of: str | None = None
    """Subject of the incident over all tenants that this may be a part of; None = it has a cause of its own."""

    @property
    def id(self) -> FindingId:
        """Derived from tenant, detector, subject and window: the same window finds the same id."""
        return FindingId(
            derive("finding", self.tenant_id, self.kind.value, self.detector, self.subject, self.window_end)
        )
