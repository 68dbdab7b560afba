"""One session on more devices than a person has."""

from spine.detect.detector import Detector
from spine.detect.entity.example import entity_frames, rows
from spine.detect.entity.fact import fact_finding, facts
from spine.detect.scene import Scene
from spine.finding import Finding
from spine.incident import IncidentKind
from spine.severity import Severity

NAME = "many_devices"


def find(scene: Scene) -> list[Finding]:
    """Sessions of the hour with several device tokens, from several addresses. Source: RUNBOOKS 2.6 (S1)."""
    limit = scene.settings.session
    return [
        fact_finding(
            scene,
            IncidentKind.SESSION_ANOMALIES,
            NAME,
            row,
            observed={"devices": row.measure, "addresses": len(row.ips)},
            threshold={"devices": limit.many_devices, "addresses": limit.many_devices_addresses},
            margin=row.measure / limit.many_devices,
            severity=Severity.MEDIUM,
        )
        for row in facts(scene, "many_devices")
        if row.measure >= limit.many_devices and len(row.ips) >= limit.many_devices_addresses
    ]


_TWO = {"fact": "many_devices", "first_at": 30, "last_at": 2, "ips": ("192.0.2.7", "192.0.2.8"), "n": 9}
DETECTOR = Detector(
    name=NAME,
    find=find,
    firing=lambda: entity_frames(facts=rows("facts", {**_TWO, "measure": 4})),
    silent=lambda: entity_frames(facts=rows("facts", {**_TWO, "measure": 3}, {**_TWO, "measure": 5, "ips": ("::1",)})),
)
