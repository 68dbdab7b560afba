"""Many sessions of one user within minutes, from several addresses."""

from spine.detect.detector import Detector
from spine.detect.entity.example import entity_frames, rows
from spine.detect.entity.sighting import entity_finding, hours_before, subject_of
from spine.detect.scene import Scene, records
from spine.finding import Finding
from spine.incident import IncidentKind
from spine.severity import Severity

NAME = "session_flood"
_HOURS = 40 / 60
"""Fixed, for the frames count in it (store/sql/tick_sessions.sql). Source: DETECTION."""


def find(scene: Scene) -> list[Finding]:
    """Users with more sessions in 40 minutes than a person begins, from two addresses or more."""
    limit = scene.settings.session
    seen = scene.frames.entities.sessions
    hot = seen[(seen["sessions"] >= limit.flood_sessions) & (seen["addresses"] >= limit.flood_addresses)]
    return [
        entity_finding(
            scene,
            IncidentKind.SESSION_ANOMALIES,
            NAME,
            tenant=row.tenant_id,
            since=hours_before(scene.frames.now, _HOURS),
            n=int(row.sessions),
            observed={"sessions": float(row.sessions), "addresses": float(row.addresses)},
            threshold={"sessions": limit.flood_sessions, "addresses": limit.flood_addresses},
            margin=row.sessions / limit.flood_sessions,
            severity=Severity.MEDIUM,
            first=row.first_at.to_pydatetime(),
            last=row.last_at.to_pydatetime(),
            subject=subject_of(row.tenant_id, row.user_id),
            users=(row.user_id,),
            addresses=row.ips,
        )
        for row in records(hot)
    ]


_TWO = ["192.0.2.7", "192.0.2.8"]
DETECTOR = Detector(
    name=NAME,
    find=find,
    firing=lambda: entity_frames(
        sessions=rows("sessions", {"sessions": 16, "addresses": 2, "first_at": 30, "last_at": 1, "ips": _TWO})
    ),
    silent=lambda: entity_frames(  # from Wi-Fi to mobile and back
        sessions=rows("sessions", {"sessions": 6, "addresses": 2, "first_at": 30, "last_at": 1, "ips": _TWO})
    ),
)
