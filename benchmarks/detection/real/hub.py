"""The brute-force tests of CrowdSec's hub: 205 groups of failures that its scenarios must find, of a hundred services.

A group is what made one scenario overflow; those count whose scenario is about brute force or enumeration of users
(its name has "bf", "brute" or "enum") and that have five events or more. Each becomes a tenant of its own without
history, with all its events as failed logins, at its own pace. A service that logs no time gets one event a second.
Groups start half an hour apart, so that none stands in another's light.

A group is found when an incident of its tenant names its address.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from benchmarks.detection.real.data import Opened, event_frame, found, normal_ip, opened

LEAST_EVENTS = 5
_WANTED = "bf|brute|enum"
_START = pd.Timestamp("2026-01-05T00:00:00Z")
_APART = pd.Timedelta(minutes=30)
_STEP = pd.Timedelta(seconds=1)


def run(name: str) -> dict[str, Any]:
    """The figures of one detector."""
    (file,) = found("crowdsec_hub_overflow_events.csv.gz")
    events, groups = read(pd.read_csv(file))
    return judge(events, groups, opened(name, events))


def read(rows: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str]]:
    """Events, and the name of each tenant's group."""
    wanted = rows[rows["scenario"].fillna("").str.contains(_WANTED)]
    parts: list[pd.DataFrame] = []
    groups: dict[str, str] = {}
    for key, group in wanted.groupby(["test", "overflow"], sort=True):
        if len(group) >= LEAST_EVENTS:
            tenant = f"hub{len(parts):03d}"
            groups[tenant] = f"{key[0]}/{key[1]} {group['scenario'].iloc[0]}"
            parts.append(_events(group, tenant, _START + len(parts) * _APART))
    return event_frame(pd.concat(parts), "hub"), groups


def judge(events: pd.DataFrame, groups: dict[str, str], alerts: list[Opened]) -> dict[str, Any]:
    """Which groups were found, and what the others look like."""
    address = events.groupby("tenant_id")["ip"].first().to_dict()
    seen = {alert.tenant for alert in alerts if alert.tenant in address and address[alert.tenant] in alert.addresses}
    missed = {groups[tenant]: _shape(events[events["tenant_id"] == tenant]) for tenant in groups if tenant not in seen}
    return {"groups": len(groups), "found": len(seen), "missed": missed, "opened": len(alerts)}


def _shape(rows: pd.DataFrame) -> str:
    seconds = (rows["occurred_at"].max() - rows["occurred_at"].min()).total_seconds()
    return f"{len(rows)} events of {rows['user_id'].nunique()} users in {seconds:.0f} s"


def _events(group: pd.DataFrame, tenant: str, start: pd.Timestamp) -> pd.DataFrame:
    times = pd.to_datetime(group["ts"], utc=True, format="ISO8601")
    if times.isna().any():
        times = pd.Series([start + number * _STEP for number in range(len(group))], index=group.index)
    return pd.DataFrame(
        {
            "type": "login_failed",
            "occurred_at": start + (times - times.min()),
            "tenant_id": tenant,
            "user_id": group["user"].astype(object).where(group["user"].notna(), None),
            "ip": [normal_ip(address) for address in group["src_ip"]],
        }
    )
