"""A new identity provider: whoever runs it can log in as anybody."""

from spine.detect.detector import Detector
from spine.detect.entity.example import entity_frames, rows
from spine.detect.entity.fact import fact_finding, facts
from spine.detect.scene import Scene
from spine.finding import Finding
from spine.incident import IncidentKind
from spine.severity import Severity

NAME = "admin_new_identity_provider"


def find(scene: Scene) -> list[Finding]:
    """Administrators who added an identity provider; one is enough. Source: RUNBOOKS 2.7 (S7).

    High and not critical by itself: customers connect their own providers, and the login may be the administrator's.
    """
    return [
        fact_finding(
            scene,
            IncidentKind.SUSPICIOUS_ADMIN_LOGIN,
            NAME,
            row,
            observed={"providers": row.n},
            threshold={"providers": 1},
            margin=float(row.n),
            severity=Severity.HIGH,
        )
        for row in facts(scene, "idp_created")
    ]


DETECTOR = Detector(
    name=NAME,
    find=find,
    firing=lambda: entity_frames(facts=rows("facts", {"fact": "idp_created", "first_at": 9, "last_at": 8})),
    silent=lambda: entity_frames(facts=rows("facts", {"fact": "changed_on_new_device", "first_at": 9, "last_at": 8})),
)
