"""An access across tenants that was let through."""

from datetime import timedelta

from spine.detect.detector import Detector
from spine.detect.entity.example import entity_frames, rows
from spine.detect.entity.sighting import entity_finding
from spine.detect.scene import Scene
from spine.finding import Finding
from spine.incident import IncidentKind
from spine.severity import Severity

NAME = "confirmed_cross_tenant_access"
_HOUR = timedelta(hours=1)


def find(scene: Scene) -> list[Finding]:
    """Tenants of which an access into another tenant was let through without a grant: one is enough.

    It rests on the latest one, so that each is news after an incident has ended.
    """
    seen = scene.frames.entities.crossings
    seen = seen[seen["allowed"].to_numpy(bool) & ~seen["probe"].to_numpy(bool)]
    found = []
    for tenant, mine in seen.groupby("tenant_id", sort=True):
        last = mine["at"].iloc[-1]
        found.append(
            entity_finding(
                scene,
                IncidentKind.TENANT_LEAK_RISK,
                NAME,
                tenant=str(tenant),
                since=last.to_pydatetime(),
                n=len(mine),
                observed={"allowed": len(mine), "foreign_tenants": mine["resource_tenant_id"].nunique()},
                threshold={"allowed": 1},
                margin=float(len(mine)),
                severity=Severity.CRITICAL,
                first=mine.loc[mine["at"] > last - _HOUR, "at"].iloc[0].to_pydatetime(),
                last=last.to_pydatetime(),
                users=mine["user_id"],
                addresses=mine["ip"],
            )
        )
    return found


DETECTOR = Detector(
    name=NAME,
    find=find,
    firing=lambda: entity_frames(crossings=rows("crossings", {"at": 3, "allowed": True})),
    silent=lambda: entity_frames(crossings=rows("crossings", {"at": 3})),
)
