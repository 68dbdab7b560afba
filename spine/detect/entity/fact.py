"""Findings from exact facts: what one event, or a few together, say by themselves, whatever is usual for a user."""

from collections.abc import Callable, Sequence
from typing import Any

from spine.detect.entity.sighting import entity_finding, hours_before, subject_of
from spine.detect.scene import Scene, records
from spine.finding import Finding
from spine.incident import IncidentKind
from spine.severity import Severity

Grade = Callable[[Any], Severity]


def facts(scene: Scene, name: str) -> Sequence[Any]:
    """The rows of one fact in the frame `facts` (spine/detect/entity/frames.py)."""
    seen = scene.frames.entities.facts
    return [] if seen.empty else list(records(seen[(seen["fact"] == name).to_numpy(bool)]))


def fact_finding(
    scene: Scene,
    kind: IncidentKind,
    detector: str,
    row: Any,
    *,
    observed: dict[str, float],
    threshold: dict[str, float],
    margin: float,
    severity: Severity,
    subject: str | None = None,
    notes: tuple[str, ...] = (),
) -> Finding:
    """The finding on one row of `facts`; its subject is the row's user, unless another one is given."""
    return entity_finding(
        scene,
        kind,
        detector,
        tenant=row.tenant_id,
        since=hours_before(scene.frames.now, 1),
        n=int(row.n),
        observed=observed,
        threshold=threshold,
        margin=margin,
        severity=severity,
        first=row.first_at.to_pydatetime(),
        last=row.last_at.to_pydatetime(),
        subject=subject or subject_of(row.tenant_id, row.user_id),
        users=[user for user in (row.user_id, row.other_user) if user],
        addresses=row.ips,
        notes=notes,
    )
