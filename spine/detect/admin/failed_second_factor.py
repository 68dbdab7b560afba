"""Somebody knows an administrator's password and has no second factor."""

from spine.detect.detector import Detector
from spine.detect.entity.example import entity_frames, rows
from spine.detect.entity.fact import fact_finding, facts
from spine.detect.scene import Scene
from spine.finding import Finding
from spine.incident import IncidentKind
from spine.severity import Severity

NAME = "admin_second_factor_failed"


def find(scene: Scene) -> list[Finding]:
    """Administrators whose right password was followed by a second factor that failed or was denied, and by no success.

    Whoever mistypes a code gets in from the same address within five minutes, so long it waits. Source: RUNBOOKS 2.7.
    """
    return [
        fact_finding(
            scene,
            IncidentKind.SUSPICIOUS_ADMIN_LOGIN,
            NAME,
            row,
            observed={"attempts": row.n},
            threshold={"attempts": 1},
            margin=float(row.n),
            severity=Severity.HIGH,
        )
        for row in facts(scene, "second_factor_failed")
    ]


DETECTOR = Detector(
    name=NAME,
    find=find,
    firing=lambda: entity_frames(facts=rows("facts", {"fact": "second_factor_failed", "first_at": 9, "last_at": 8})),
    silent=lambda: entity_frames(facts=rows("facts", {"fact": "pushes_denied", "first_at": 9, "last_at": 8})),
)
