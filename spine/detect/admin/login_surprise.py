"""How surprising a login is for this administrator: bits over country, device, address, hour, failures and travel."""

from collections import defaultdict
from math import log2
from typing import Any

import pandas as pd

from spine.detect.admin.surprise import Counts, add, rare, unusual_hour, without
from spine.detect.detector import Detector
from spine.detect.entity.example import entity_frames, rows
from spine.detect.entity.sighting import entity_finding, hours_before, subject_of
from spine.detect.example import Attempts, frames
from spine.detect.scene import Scene, records
from spine.finding import Finding
from spine.incident import IncidentKind
from spine.place import distance_km
from spine.settings.entity import AdminSettings
from spine.severity import Severity

NAME = "admin_login_surprise"


def find(scene: Scene) -> list[Finding]:
    """Administrators whose most surprising login of the last hour is over the line.

    Each login is judged by those before it. Whoever has too few has no habits that could be broken.
    """
    seen = scene.frames.entities.admins
    if seen.empty:
        return []
    habits, failures = _habits(scene.frames.entities.habits), _failures(scene.frames.logins)
    logins: defaultdict[tuple[str, str], list[Any]] = defaultdict(list)
    for row in records(seen):
        logins[row.tenant_id, row.user_id].append(row)
    found = (_judge(scene, logins[who], habits.get(who, {}), failures) for who in sorted(logins))
    return [finding for finding in found if finding]


def _judge(
    scene: Scene, logins: list[Any], counts: Counts, failures: dict[tuple[str, str, str], int]
) -> Finding | None:
    limit = scene.settings.admin
    worst: tuple[Any, dict[str, float], int] | None = None
    past = without(counts, [_parts(row) for row in logins])
    for row in logins:
        before = sum(past.get("hour", {}).values())
        if before >= limit.min_logins:
            bits = _bits(past, row, failures.get((row.tenant_id, row.ip, row.user_id), 0), limit)
            if worst is None or sum(bits.values()) > sum(worst[1].values()):
                worst = (row, bits, before)
        add(past, _parts(row))
    if worst is None or sum(worst[1].values()) < limit.min_bits:
        return None
    return _finding(scene, *worst, logins)


def _finding(scene: Scene, row: Any, bits: dict[str, float], before: int, logins: list[Any]) -> Finding:
    limit, total = scene.settings.admin, sum(bits.values())
    severity = Severity.HIGH if total >= limit.high_bits and before >= limit.capped_logins else Severity.MEDIUM
    return entity_finding(
        scene,
        IncidentKind.SUSPICIOUS_ADMIN_LOGIN,
        NAME,
        tenant=row.tenant_id,
        since=hours_before(scene.frames.now, 1),
        n=before + 1,
        observed={"bits": total, **{f"bits_{name}": value for name, value in bits.items()}, "acted": float(row.acted)},
        threshold={"bits": limit.min_bits},
        margin=total / limit.min_bits,
        severity=Severity.CRITICAL if row.acted else severity,
        first=row.at.to_pydatetime(),
        last=max(login.at for login in logins).to_pydatetime(),
        subject=subject_of(row.tenant_id, row.user_id),
        users=(row.user_id,),
        addresses=(row.ip,),
    )


def _bits(past: Counts, row: Any, failures: int, limit: AdminSettings) -> dict[str, float]:
    """The surprise of each part of a login, in bits, none above its cap.

    Only another device travels: a VPN is switched on in a second, on the usual one (RUNBOOKS 2.6, severity 0).
    """
    countries = past.get("country", {})
    country = 0.0 if row.country_seen else rare(countries, row.country)
    new = country > 0 and row.country not in countries
    hour = row.at.hour + row.at.minute / 60
    agent = min(rare(past.get("agent", {}), row.agent), limit.most_agent_bits)
    foreign = row.agent is None or agent >= limit.foreign_agent_bits
    return {
        "country": min(country, limit.most_country_bits),
        "agent": agent,
        "address": min(rare(past.get("address", {}), row.ip), limit.most_address_bits),
        "hour": min(unusual_hour(past.get("hour", {}), hour), limit.most_hour_bits),
        "failures": min(log2(1 + failures), limit.most_failure_bits),
        "travel": limit.travel_bits if new and foreign and _teleports(row, limit) else 0.0,
    }


def _teleports(row: Any, limit: AdminSettings) -> bool:
    km = distance_km(row.country, row.other_country)
    if km is None or pd.isna(row.other_at):
        return False
    hours = max((row.at - row.other_at).total_seconds(), 60) / 3600
    return km >= limit.min_km and km / hours > limit.max_km_per_hour


def _failures(logins: pd.DataFrame) -> dict[tuple[str, str, str], int]:
    """Failed logins of the last hour by tenant, address and user."""
    failed = logins[logins["fail_60m"] > 0]
    keys = zip(failed["tenant_id"], failed["ip"], failed["user_id"], strict=True)
    return {key: int(n) for key, n in zip(keys, failed["fail_60m"], strict=True)}


def _habits(habits: pd.DataFrame) -> dict[tuple[Any, Any], Counts]:
    found: dict[tuple[Any, Any], Counts] = {}
    for row in records(habits):
        found.setdefault((row.tenant_id, row.user_id), {}).setdefault(row.what, {})[row.value] = int(row.n)
    return found


def _parts(row: Any) -> dict[str, str | None]:
    return {"country": row.country, "address": row.ip, "agent": row.agent, "hour": str(row.at.hour)}


def _example(**login: object) -> dict[str, pd.DataFrame]:
    """An administrator with 20 logins from one place, around ten o'clock, and one more."""
    usual = {"country": "DE", "address": "192.0.2.1", "agent": "7", "hour": "9"}
    habits = rows("habits", *({"what": what, "value": value, "n": 20} for what, value in usual.items()))
    return {"admins": rows("admins", {"at": 1, "agent": "7", "ip": "192.0.2.1", **login}), "habits": habits}


DETECTOR = Detector(
    name=NAME,
    find=find,
    firing=lambda: entity_frames(  # guessed, on another device, at home
        logins=frames(Attempts("192.0.2.7", users=1, each=12, minutes=14, first=1)).logins,
        **_example(ip="192.0.2.7", agent="8"),
    ),
    silent=lambda: entity_frames(  # on a journey with the usual device, in the middle of the night
        **_example(ip="192.0.2.7", country="FR", at=12 * 60)
    ),
)
