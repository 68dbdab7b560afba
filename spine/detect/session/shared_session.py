"""One session, two users: answers or cookies went to the wrong person, or somebody holds another's."""

from collections.abc import Iterator

from spine.detect.detector import Detector
from spine.detect.entity.example import entity_frames, rows
from spine.detect.entity.fact import fact_finding, facts
from spine.detect.scene import Scene
from spine.detect.subject import TENANT
from spine.finding import Finding
from spine.incident import IncidentKind
from spine.severity import Severity

NAME = "shared_session"


def find(scene: Scene) -> list[Finding]:
    """Sessions that two users used, one of them without having begun it; administrators who act for others left out.

    It may be a leak between tenants as well, and is told as a suspicion of one. Source: RUNBOOKS 2.6 ("open 2.5 too").
    """
    return [finding for row in facts(scene, "session_of_two") if row.user_id for finding in _both(scene, row)]


def _both(scene: Scene, row: object) -> Iterator[Finding]:
    kinds = (
        (IncidentKind.SESSION_ANOMALIES, Severity.CRITICAL, None),
        (IncidentKind.TENANT_LEAK_RISK, Severity.HIGH, TENANT),
    )
    for kind, severity, subject in kinds:
        yield fact_finding(
            scene, kind, NAME, row, observed={"users": 2}, threshold={"users": 2}, margin=1, severity=severity,
            subject=subject,
        )  # fmt: skip


DETECTOR = Detector(
    name=NAME,
    find=find,
    firing=lambda: entity_frames(
        facts=rows("facts", {"fact": "session_of_two", "first_at": 4, "last_at": 2, "other_user": "u2"})
    ),
    silent=lambda: entity_frames(
        facts=rows("facts", {"fact": "many_devices", "first_at": 4, "last_at": 2, "measure": 2})
    ),
)
