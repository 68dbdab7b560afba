"""One user tried from many places. Rule (d)."""

from datetime import timedelta

import pandas as pd

from spine.detect.detector import Detector
from spine.detect.example import Attempts, frames
from spine.detect.login.sighting import sighting
from spine.detect.scene import Scene, records
from spine.finding import Finding

NAME = "user_from_many_addresses"
WINDOW = timedelta(minutes=30)


def find(scene: Scene) -> list[Finding]:
    """Users that fail from several addresses that differ in place, network or browser, in 30 minutes."""
    limit = scene.settings.targeted_user
    if scene.hostile_failures("30m") < limit.min_failures:
        return []
    rows = scene.hostile[scene.hostile["fail_30m"] > 0]
    seen = rows.groupby(["tenant_id", "user_id"], sort=False, as_index=False).agg(
        failures=("fail_30m", "sum"), addresses=("ip", "nunique")
    )
    hot = seen[(seen["failures"] >= limit.min_failures) & (seen["addresses"] >= limit.min_addresses)]
    found: list[Finding] = []
    for row in records(hot):
        mine = scene.hostile_of(row.tenant_id)
        mine = mine[(mine["fail_30m"] > 0) & (mine["user_id"] == row.user_id)]
        spread = _spread(mine)
        if not (
            spread["countries"] >= limit.min_countries
            or spread["asns"] >= limit.min_asns
            or spread["addresses"] >= limit.many_addresses
            or spread["user_agents"] >= limit.min_user_agents
        ):
            continue
        found.append(
            sighting(
                scene, NAME, mine, tenant=row.tenant_id, window=WINDOW, n=int(row.failures),
                observed={"failures": row.failures, **spread},
                threshold={"failures": limit.min_failures, "addresses": limit.min_addresses},
                margin=min(row.failures / limit.min_failures, row.addresses / limit.min_addresses),
            )
        )  # fmt: skip
    return found


def _spread(rows: pd.DataFrame) -> dict[str, float]:
    return {
        "addresses": rows["ip"].nunique(),
        "countries": rows["country"].nunique(),
        "asns": rows["asn"].nunique(),
        "user_agents": max(rows["user_agent"].nunique(), int(rows["user_agents"].max())),
    }


DETECTOR = Detector(
    name=NAME,
    find=find,
    firing=lambda: frames(*(Attempts(f"192.0.2.{i}", users=1, each=2, minutes=25) for i in range(9))),
    silent=lambda: frames(Attempts("192.0.2.1", users=1, each=50, minutes=25, past_ok=20)),  # a stale service password
)
