"""Something that should have been refused was accepted: one is enough, and critical."""

from spine.detect.detector import Detector, Find
from spine.detect.entity.example import entity_frames, rows
from spine.detect.entity.fact import fact_finding, facts
from spine.detect.scene import Scene
from spine.detect.subject import TENANT
from spine.finding import Finding
from spine.incident import IncidentKind
from spine.severity import Severity

_ONE = {"user_id": None, "first_at": 3, "last_at": 3}


def accepted(scene: Scene, kind: IncidentKind, name: str) -> list[Finding]:
    """One finding for each tenant where the fact `name` was seen."""
    return [
        fact_finding(
            scene, kind, name, row, observed={"accepted": row.n, "users": row.measure}, threshold={"accepted": 1},
            margin=float(row.n), severity=Severity.CRITICAL, subject=TENANT,
        )
        for row in facts(scene, name)
    ]  # fmt: skip


def detector(name: str, find: Find) -> Detector:
    """The detector that `find` is: one such fact fires, what was rightly refused does not."""
    return Detector(
        name=name,
        find=find,
        firing=lambda: entity_frames(facts=rows("facts", {**_ONE, "fact": name})),
        silent=lambda: entity_frames(facts=rows("facts", {**_ONE, "fact": "tokens_refused_rightly", "n": 200})),
    )
