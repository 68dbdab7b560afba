"""An administrator is asked again and again to confirm a login, and says no."""

from spine.detect.detector import Detector
from spine.detect.entity.example import entity_frames, rows
from spine.detect.entity.fact import fact_finding, facts
from spine.detect.scene import Scene
from spine.finding import Finding
from spine.incident import IncidentKind
from spine.severity import Severity

NAME = "admin_pushes_denied"


def find(scene: Scene) -> list[Finding]:
    """Administrators with many denied pushes in ten minutes: somebody has the password and hopes for a tired yes."""
    limit = scene.settings.admin.denied_pushes
    return [
        fact_finding(
            scene,
            IncidentKind.SUSPICIOUS_ADMIN_LOGIN,
            NAME,
            row,
            observed={"denials_10m": row.measure},
            threshold={"denials_10m": limit},
            margin=row.measure / limit,
            severity=Severity.HIGH,
        )
        for row in facts(scene, "pushes_denied")
        if row.measure >= limit
    ]


_DENIED = {"fact": "pushes_denied", "first_at": 9, "last_at": 1}
DETECTOR = Detector(
    name=NAME,
    find=find,
    firing=lambda: entity_frames(facts=rows("facts", {**_DENIED, "measure": 5, "n": 6})),
    silent=lambda: entity_frames(facts=rows("facts", {**_DENIED, "measure": 4, "n": 4})),
)
