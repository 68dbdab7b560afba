"""A refresh is tried again long after it was used: two hold the same token."""

from collections import defaultdict
from typing import Any

from spine.detect.detector import Detector
from spine.detect.entity.example import entity_frames, rows
from spine.detect.entity.fact import facts
from spine.detect.entity.sighting import entity_finding, hours_before, subject_of
from spine.detect.scene import Scene
from spine.finding import Finding
from spine.incident import IncidentKind
from spine.severity import Severity

NAME = "refresh_reused"


def find(scene: Scene) -> list[Finding]:
    """Users with a refresh that was tried again later than a retry or a second tab would.

    A reuse that does not say how long after the first use it came may be such a race, and is no fact.
    """
    late: defaultdict[tuple[str, str], list[Any]] = defaultdict(list)
    for row in facts(scene, "refresh_reused"):
        if row.user_id and row.measure > scene.settings.session.max_reuse_seconds:
            late[row.tenant_id, row.user_id].append(row)
    return [_finding(scene, tenant, user, late[tenant, user]) for tenant, user in sorted(late)]


def _finding(scene: Scene, tenant: str, user: str, seen: list[Any]) -> Finding:
    limit, longest = scene.settings.session.max_reuse_seconds, max(row.measure for row in seen)
    return entity_finding(
        scene,
        IncidentKind.SESSION_ANOMALIES,
        NAME,
        tenant=tenant,
        since=hours_before(scene.frames.now, 1),
        n=len(seen),
        observed={"seconds_since_first_use": float(longest), "reuses": float(len(seen))},
        threshold={"seconds_since_first_use": limit},
        margin=longest / limit,
        severity=Severity.HIGH,
        first=min(row.first_at for row in seen).to_pydatetime(),
        last=max(row.last_at for row in seen).to_pydatetime(),
        subject=subject_of(tenant, user),
        users=(user,),
        addresses=[ip for row in seen for ip in row.ips],
    )


_REUSE = {"fact": "refresh_reused", "first_at": 4, "last_at": 4}
DETECTOR = Detector(
    name=NAME,
    find=find,
    firing=lambda: entity_frames(facts=rows("facts", {**_REUSE, "measure": 31})),
    silent=lambda: entity_frames(facts=rows("facts", {**_REUSE, "measure": 5}, {**_REUSE, "measure": 30})),  # retries
)
