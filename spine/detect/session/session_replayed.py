"""A program uses a session that a browser began elsewhere: a stolen cookie."""

from spine.detect.detector import Detector
from spine.detect.entity.example import entity_frames, rows
from spine.detect.entity.fact import fact_finding, facts
from spine.detect.scene import Scene
from spine.finding import Finding
from spine.incident import IncidentKind
from spine.severity import Severity

NAME = "session_replayed"


def find(scene: Scene) -> list[Finding]:
    """Users with a session that went from a browser to a program at another address.

    One is enough. Programs that begin their own sessions, and people whose address changes, are not meant.
    """
    return [
        fact_finding(
            scene,
            IncidentKind.SESSION_ANOMALIES,
            NAME,
            row,
            observed={"sessions": row.measure, "events": row.n},
            threshold={"sessions": 1},
            margin=float(row.measure),
            severity=Severity.HIGH,
        )
        for row in facts(scene, "session_replayed")
        if row.user_id
    ]


DETECTOR = Detector(
    name=NAME,
    find=find,
    firing=lambda: entity_frames(facts=rows("facts", {"fact": "session_replayed", "first_at": 4, "last_at": 2})),
    silent=lambda: entity_frames(facts=rows("facts", {"fact": "refresh_reused", "first_at": 4, "last_at": 2})),
)
