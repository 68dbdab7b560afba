"""An address tries session ids that do not exist."""

from spine.detect.detector import Detector
from spine.detect.entity.example import entity_frames, rows
from spine.detect.entity.fact import fact_finding, facts
from spine.detect.scene import Scene
from spine.detect.subject import TENANT
from spine.finding import Finding
from spine.incident import IncidentKind
from spine.severity import Severity

NAME = "guessed_session_ids"


def find(scene: Scene) -> list[Finding]:
    """Addresses with many different unknown ids within five minutes, where nobody lives.

    Ids that ran out or were revoked do not count, nor does one stale tab however often it asks.
    """
    limit = scene.settings.session.guessed_ids
    return [
        fact_finding(
            scene,
            IncidentKind.SESSION_ANOMALIES,
            NAME,
            row,
            observed={"ids_5m": row.measure},
            threshold={"ids_5m": limit},
            margin=row.measure / limit,
            severity=Severity.MEDIUM,
            subject=TENANT,
        )
        for row in facts(scene, "guessed_ids")
        if row.measure >= limit
    ]


_IDS = {"fact": "guessed_ids", "user_id": None, "first_at": 6, "last_at": 2}
DETECTOR = Detector(
    name=NAME,
    find=find,
    firing=lambda: entity_frames(facts=rows("facts", {**_IDS, "measure": 60, "n": 80})),
    silent=lambda: entity_frames(facts=rows("facts", {**_IDS, "measure": 49, "n": 49})),
)
