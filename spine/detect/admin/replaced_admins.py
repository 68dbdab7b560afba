"""A new administrator comes in and the old ones go: a takeover of the whole tenant."""

from spine.detect.detector import Detector
from spine.detect.entity.example import entity_frames, rows
from spine.detect.entity.fact import fact_finding, facts
from spine.detect.scene import Scene
from spine.finding import Finding
from spine.incident import IncidentKind
from spine.severity import Severity

NAME = "admins_replaced"


def find(scene: Scene) -> list[Finding]:
    """Administrators who invited one and deleted several within ten minutes. Source: RUNBOOKS 2.7 (S7)."""
    limit = scene.settings.admin.deleted_admins
    return [
        fact_finding(
            scene,
            IncidentKind.SUSPICIOUS_ADMIN_LOGIN,
            NAME,
            row,
            observed={"deleted": row.measure},
            threshold={"deleted": limit},
            margin=row.measure / limit,
            severity=Severity.CRITICAL,
        )
        for row in facts(scene, "admins_replaced")
        if row.measure >= limit
    ]


_TURNOVER = {"fact": "admins_replaced", "first_at": 9, "last_at": 1}
DETECTOR = Detector(
    name=NAME,
    find=find,
    firing=lambda: entity_frames(facts=rows("facts", {**_TURNOVER, "measure": 2, "n": 3})),
    silent=lambda: entity_frames(facts=rows("facts", {**_TURNOVER, "measure": 1, "n": 2})),
)
