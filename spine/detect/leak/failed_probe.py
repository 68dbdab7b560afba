"""An isolation probe that got through more than once."""

from spine.detect.detector import Detector
from spine.detect.entity.example import entity_frames, rows
from spine.detect.entity.sighting import entity_finding
from spine.detect.scene import Scene
from spine.finding import Finding
from spine.incident import IncidentKind
from spine.severity import Severity

NAME = "isolation_probe_failed"


def find(scene: Scene) -> list[Finding]:
    """Tenants whose isolation probe got through; once may be the probe's own fault and stays under the line."""
    limit = scene.settings.leak
    seen = scene.frames.entities.crossings
    seen = seen[seen["probe"].to_numpy(bool)]
    found = []
    for tenant, mine in seen.groupby("tenant_id", sort=True):
        since = mine["at"].iloc[-min(limit.min_failed_probes, len(mine))].to_pydatetime()
        found.append(
            entity_finding(
                scene,
                IncidentKind.TENANT_LEAK_RISK,
                NAME,
                tenant=str(tenant),
                since=since,
                n=len(mine),
                observed={"failed_probes": len(mine)},
                threshold={"failed_probes": limit.min_failed_probes},
                margin=len(mine) / limit.min_failed_probes,
                severity=Severity.HIGH,
                first=since,
                last=mine["at"].iloc[-1].to_pydatetime(),
            )
        )
    return found


DETECTOR = Detector(
    name=NAME,
    find=find,
    firing=lambda: entity_frames(crossings=rows("crossings", {"at": 20, "probe": True}, {"at": 3, "probe": True})),
    silent=lambda: entity_frames(crossings=rows("crossings", {"at": 3, "probe": True})),
)
