"""A privileged change soon after a login with a device nobody saw before."""

from spine.detect.detector import Detector
from spine.detect.entity.example import entity_frames, rows
from spine.detect.entity.fact import fact_finding, facts
from spine.detect.scene import Scene
from spine.finding import Finding
from spine.incident import IncidentKind
from spine.severity import Severity

NAME = "admin_change_on_new_device"


def find(scene: Scene) -> list[Finding]:
    """Administrators who changed something within 30 minutes after a login with a device the sender calls new.

    An agent that is merely new to us may be an update of the browser, and is left to the surprise of the login.
    """
    return [
        fact_finding(
            scene,
            IncidentKind.SUSPICIOUS_ADMIN_LOGIN,
            NAME,
            row,
            observed={"changes": row.n},
            threshold={"changes": 1},
            margin=float(row.n),
            severity=Severity.CRITICAL,
        )
        for row in facts(scene, "changed_on_new_device")
    ]


DETECTOR = Detector(
    name=NAME,
    find=find,
    firing=lambda: entity_frames(facts=rows("facts", {"fact": "changed_on_new_device", "first_at": 9, "last_at": 8})),
    silent=lambda: entity_frames(facts=rows("facts", {"fact": "idp_created", "first_at": 9, "last_at": 8})),
)
