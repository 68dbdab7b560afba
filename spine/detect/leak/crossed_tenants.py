"""Several accesses across tenants, by several users or into several tenants."""

from datetime import datetime

import pandas as pd

from spine.detect.detector import Detector
from spine.detect.entity.example import entity_frames, rows
from spine.detect.entity.sighting import entity_finding
from spine.detect.scene import Scene, records
from spine.finding import Finding
from spine.incident import IncidentKind
from spine.settings.entity import LeakSettings
from spine.severity import Severity

NAME = "crossed_tenants"


def find(scene: Scene) -> list[Finding]:
    """Tenants with violations in 6 hours; those of one user into one other tenant stay under the line.

    One such violation is somebody with a stale link. Every tenant that has any gets a finding, so that what is under
    the line counts as evidence once there is an incident.
    """
    seen = scene.frames.entities.crossings
    seen = seen[~seen["probe"].to_numpy(bool)]
    return [_finding(scene, str(tenant), mine) for tenant, mine in seen.groupby("tenant_id", sort=True)]


def _finding(scene: Scene, tenant: str, mine: pd.DataFrame) -> Finding:
    limit = scene.settings.leak
    users, tenants = mine["user_id"].nunique(), mine["resource_tenant_id"].nunique()
    spread = max(users / limit.min_users, tenants / limit.min_foreign_tenants)
    since = _latest_that_suffice(mine, limit)
    return entity_finding(
        scene,
        IncidentKind.TENANT_LEAK_RISK,
        NAME,
        tenant=tenant,
        since=since,
        n=len(mine),
        observed={"violations": len(mine), "users": users, "foreign_tenants": tenants},
        threshold={
            "violations": limit.min_violations,
            "users": limit.min_users,
            "foreign_tenants": limit.min_foreign_tenants,
        },
        margin=min(len(mine) / limit.min_violations, spread),
        severity=Severity.MEDIUM,
        first=since,
        last=mine["at"].iloc[-1].to_pydatetime(),
        users=mine["user_id"],
        addresses=mine["ip"],
    )


def _latest_that_suffice(mine: pd.DataFrame, limit: LeakSettings) -> datetime:
    """When the fewest latest violations begin that fire by themselves; without such, the earliest of all.

    An incident that ended an hour ago is no reason not to open another one for what happened since.
    """
    users: set[str] = set()
    tenants: set[str] = set()
    for n, row in enumerate(records(mine.iloc[::-1]), 1):
        users |= {row.user_id} - {None}
        tenants |= {row.resource_tenant_id} - {None}
        spread = len(users) >= limit.min_users or len(tenants) >= limit.min_foreign_tenants
        if n >= limit.min_violations and spread:
            break
    first: datetime = row.at.to_pydatetime()
    return first


DETECTOR = Detector(
    name=NAME,
    find=find,
    firing=lambda: entity_frames(crossings=rows("crossings", {"at": 200, "user_id": "u1"}, {"at": 3, "user_id": "u2"})),
    silent=lambda: entity_frames(crossings=rows("crossings", {"at": 5}, {"at": 3})),  # one stale link, twice
)
