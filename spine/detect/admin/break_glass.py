"""A login with an account kept for emergencies."""

from spine.detect.detector import Detector
from spine.detect.entity.example import entity_frames, rows
from spine.detect.entity.sighting import entity_finding, hours_before, subject_of
from spine.detect.scene import Scene
from spine.finding import Finding
from spine.incident import IncidentKind
from spine.severity import Severity

NAME = "break_glass_login"


def find(scene: Scene) -> list[Finding]:
    """Break-glass accounts that were used in the last hour: one login is enough, whatever is usual."""
    seen = scene.frames.entities.admins
    seen = seen[seen["break_glass"].to_numpy(bool)]
    return [
        entity_finding(
            scene,
            IncidentKind.SUSPICIOUS_ADMIN_LOGIN,
            NAME,
            tenant=str(tenant),
            since=hours_before(scene.frames.now, 1),
            n=len(logins),
            observed={"logins": len(logins), "acted": float(logins["acted"].any())},
            threshold={"logins": 1},
            margin=float(len(logins)),
            severity=Severity.CRITICAL if logins["acted"].any() else Severity.HIGH,
            first=logins["at"].min().to_pydatetime(),
            last=logins["at"].max().to_pydatetime(),
            subject=subject_of(str(tenant), str(user)),
            users=(str(user),),
            addresses=logins["ip"],
        )
        for (tenant, user), logins in seen.groupby(["tenant_id", "user_id"], sort=True)
    ]


DETECTOR = Detector(
    name=NAME,
    find=find,
    firing=lambda: entity_frames(admins=rows("admins", {"at": 1, "break_glass": True})),
    silent=lambda: entity_frames(admins=rows("admins", {"at": 1})),
)
