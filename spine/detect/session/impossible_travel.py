"""A session in a country new for its user, too soon after one elsewhere, on another device."""

from typing import Any

import numpy as np
import pandas as pd

from spine.detect.detector import Detector
from spine.detect.entity.example import entity_frames, rows
from spine.detect.entity.sighting import entity_finding, hours_before, subject_of
from spine.detect.scene import Scene, records
from spine.finding import Finding
from spine.incident import IncidentKind
from spine.place import between_km, distance_km, point
from spine.severity import Severity

NAME = "impossible_travel"
SAME_DEVICE = 0.9
"""Greatest margin of travel with the user's own device: VPN, relay or satellite, severity 0. Source: RUNBOOKS 2.6."""


def find(scene: Scene) -> list[Finding]:
    """Users seen in a country for the first time, faster than anybody flies from where they were in the 6 hours before.

    A user who was in several places is judged by the one that asks for the greatest speed. Distances are between
    coordinates where both places have them, else between countries; one without a centroid says nothing. With the
    same device it stays under the line: a VPN is switched on in a second.
    """
    limit = scene.settings.session
    fast = _fast(scene)
    return [
        entity_finding(
            scene,
            IncidentKind.SESSION_ANOMALIES,
            NAME,
            tenant=row.tenant_id,
            since=hours_before(scene.frames.now, 1),
            n=2,
            observed={"km_per_hour": row.speed, "km": row.km, "hours": row.hours, "new_device": float(row.new_device)},
            threshold={"km_per_hour": limit.max_km_per_hour, "km": limit.min_km, "hours": limit.travel_hours},
            margin=row.speed / limit.max_km_per_hour if row.new_device else SAME_DEVICE,
            severity=Severity.MEDIUM,
            first=row.at.to_pydatetime(),
            last=row.at.to_pydatetime(),
            subject=subject_of(row.tenant_id, row.user_id),
            users=(row.user_id,),
            addresses=(row.ip,),
            notes=(f"{row.other_country} to {row.country}",),
        )
        for row in records(fast)
    ]


def _fast(scene: Scene) -> pd.DataFrame:
    """The fastest journey of each user that no airliner makes."""
    limit = scene.settings.session
    seen = scene.frames.entities.places
    if seen.empty:
        return seen
    far = [_km(row) for row in records(seen)]
    hours = (seen["at"] - seen["other_at"]).abs().dt.total_seconds().to_numpy() / 3600
    speed = np.array(far) / np.maximum(hours, limit.least_gap_minutes / 60)
    seen = seen.assign(km=far, hours=hours, speed=speed)
    fast = seen[(speed > limit.max_km_per_hour) & (seen["km"] >= limit.min_km) & (hours <= limit.travel_hours)]
    return fast.sort_values("speed", kind="stable").drop_duplicates(["tenant_id", "user_id"], keep="last")


def _km(row: Any) -> float:
    here, there = point(row.spot), point(row.other_spot)
    if here is not None and there is not None:
        return between_km(here, there)
    return distance_km(row.country, row.other_country) or 0.0


DETECTOR = Detector(
    name=NAME,
    find=find,
    firing=lambda: entity_frames(
        places=rows("places", {"country": "JP", "at": 5, "other_country": "DE", "other_at": 35})
    ),
    silent=lambda: entity_frames(  # next door by train, a flight of five hours, a VPN
        places=rows(
            "places",
            {"country": "FR", "at": 5, "other_country": "DE", "other_at": 120},
            {"country": "ES", "at": 5, "other_country": "PL", "other_at": 305, "user_id": "u2"},
            {"country": "US", "at": 5, "other_country": "PL", "other_at": 6, "user_id": "u3", "new_device": False},
            {
                "country": "DE",
                "at": 5,
                "other_country": "FR",
                "other_at": 15,
                "user_id": "u4",
                "spot": "48.58 7.82",
                "other_spot": "48.57 7.75",
            },  # over the bridge
        )
    ),
)
