"""A token was accepted that should have been refused: without algorithm, of a strange key, for somebody else."""

from spine.detect.detector import Detector
from spine.detect.entity.example import entity_frames, rows
from spine.detect.entity.fact import fact_finding, facts
from spine.detect.scene import Scene
from spine.detect.subject import TENANT
from spine.finding import Finding
from spine.incident import IncidentKind
from spine.severity import Severity

NAME = "unsound_token_accepted"


def find(scene: Scene) -> list[Finding]:
    """Tenants where such a token got in: one is enough, and critical. Source: RUNBOOKS 2.4, N = 1 (S5)."""
    return [
        fact_finding(
            scene,
            IncidentKind.JWT_VALIDATION_ERRORS,
            NAME,
            row,
            observed={"accepted": row.n, "users": row.measure},
            threshold={"accepted": 1},
            margin=float(row.n),
            severity=Severity.CRITICAL,
            subject=TENANT,
        )
        for row in facts(scene, NAME)
    ]


_ONE = {"user_id": None, "first_at": 3, "last_at": 3}
DETECTOR = Detector(
    name=NAME,
    find=find,
    firing=lambda: entity_frames(facts=rows("facts", {**_ONE, "fact": NAME})),
    silent=lambda: entity_frames(facts=rows("facts", {**_ONE, "fact": "tokens_refused_rightly", "n": 200})),
)
