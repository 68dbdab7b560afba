"""From what made a detector of single users or rare events fire to the finding."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from spine.detect.scene import Scene
from spine.detect.summary import hashed
from spine.finding import Finding
from spine.ids import TenantId
from spine.incident import IncidentKind
from spine.severity import Severity

USER = "user:"
"""How subjects begin that are one user."""


def subject_of(tenant: str, user: str) -> str:
    """What a user's findings are grouped by: one user's anomaly is an incident of its own."""
    return USER + hashed(TenantId(tenant), user)


def entity_finding(
    scene: Scene,
    kind: IncidentKind,
    detector: str,
    *,
    tenant: str,
    since: datetime,
    n: int,
    observed: dict[str, float],
    threshold: dict[str, float],
    margin: float,
    severity: Severity,
    first: datetime,
    last: datetime,
    subject: str = "tenant",
    users: Iterable[str] = (),
    addresses: Iterable[str | None] = (),
    notes: tuple[str, ...] = (),
) -> Finding:
    """A finding on what occurred from `since` on; under the line (margin < 1) it is INFO."""
    now = scene.frames.now
    return Finding(
        tenant_id=TenantId(tenant),
        kind=kind,
        detector=detector,
        subject=subject,
        window_start=since,
        window_end=now,
        n=n,
        observed=observed,
        threshold=threshold,
        margin=margin,
        severity=severity if margin >= 1 else Severity.INFO,
        first_event_at=first,
        last_event_at=last,
        addresses=tuple(sorted({ip for ip in addresses if ip})),
        users=tuple(sorted({user for user in users if user})),
        synthetic=scene.drill_id is not None,
        drill_id=scene.drill_id,
        notes=notes,
    )


def hours_before(now: datetime, hours: float) -> datetime:
    """The start of a window that ends at `now`."""
    return now - timedelta(hours=hours)
