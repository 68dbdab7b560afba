"""The AIT alert data: five test beds of a week each with real benign failures, and attacks on their WordPress.

Source: Landauer et al., "Introducing a New Alert Data Set for Multi-Step Attack Analysis" (AIT-ADS, 2022). The file
counts alerts about logging in per minute, host and kind; it knows no address and no user. A test bed is a tenant, a
host its provider. Failed logins, those of unknown users, and tries at WordPress count as failed logins; other
detectors' own alerts are left out. The events of a minute are spread evenly over it. A WordPress attack is a scan of it
(`wpscan`) in which at least five logins were tried. What opens from half an hour before the first phase of an attack
to two hours after its last one is no false alert.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.detection.real.data import Opened, event_frame, found, opened

_TYPES = {
    "login_failed": "login_failed",
    "login_failed_invalid_user": "login_failed",
    "cms_login_attempt": "login_failed",
    "login_succeeded": "login_succeeded",
    "login_succeeded_ssh": "login_succeeded",
    "session_created": "session_created",
}
_SCAN = "wpscan"
_LEAST_TRIES = 5
_BEFORE, _AFTER = pd.Timedelta(minutes=30), pd.Timedelta(hours=2)
_GRACE = pd.Timedelta(minutes=30)
_QUIET = pd.Timedelta(hours=1)
Phases = dict[str, dict[str, list[float]]]
Attack = tuple[str, str, pd.Timestamp, pd.Timestamp]
"""Tenant, phase, start and end."""


def run(name: str) -> dict[str, Any]:
    """The figures of one detector; `wazuh` stands for the alerts of that name in the data."""
    counts_file, phases_file = found("ait_ads_auth_minute.csv.gz", "ait_ads_attack_phases.json")
    counts, phases = pd.read_csv(counts_file), json.loads(phases_file.read_text())
    return judge(counts, phases, _wazuh(counts) if name == "wazuh" else opened(name, read(counts)))


def read(counts: pd.DataFrame) -> pd.DataFrame:
    """Events of columns testbed, host, minute_epoch, type, n."""
    rows = counts[counts["type"].isin(_TYPES)]
    rows = rows.loc[rows.index.repeat(rows["n"])]
    step = rows.groupby(level=0).cumcount().to_numpy()
    seconds = rows["minute_epoch"].to_numpy() + 60 * step / rows["n"].to_numpy()
    kinds = rows["type"].map(_TYPES).to_numpy()
    frame = pd.DataFrame(
        {
            "type": kinds,
            "occurred_at": _moments(seconds),
            "tenant_id": rows["testbed"].to_numpy(),
            "provider": rows["host"].to_numpy(),
        }
    )
    return event_frame(frame, "ait")


def judge(counts: pd.DataFrame, phases: Phases, alerts: list[Opened]) -> dict[str, Any]:
    """False alerts per tenant-week, and the WordPress attacks found."""
    days = counts.assign(day=counts["minute_epoch"] // 86400).groupby("testbed")["day"].nunique().sum()
    attacks = _attacks(counts, phases)
    hit = [
        any(alert.tenant == tenant and start <= alert.at <= end + _GRACE for alert in alerts)
        for tenant, _, start, end in attacks
    ]
    false = [alert for alert in alerts if not _in_attack(alert, phases)]
    return {
        "tenant_days": int(days),
        "opened": len(alerts),
        "false": len(false),
        "false_per_tenant_week": round(len(false) / (int(days) / 7), 2),
        "wordpress_attacks": len(attacks),
        "wordpress_found": sum(hit),
        "missed": [f"{tenant} {phase}" for (tenant, phase, _, _), got in zip(attacks, hit, strict=True) if not got],
        "false_alerts": [f"{a.tenant} {a.at:%m-%d %H:%M} {a.type} {','.join(a.detectors)}" for a in false],
    }


def _attacks(counts: pd.DataFrame, phases: Phases) -> list[Attack]:
    tried = counts[counts["type"] == "cms_login_attempt"]
    found_: list[Attack] = []
    for tenant, spans in phases.items():
        if _SCAN in spans:
            start, end = spans[_SCAN]
            minutes = tried[(tried["testbed"] == tenant) & tried["minute_epoch"].between(start - 60, end)]
            if minutes["n"].sum() >= _LEAST_TRIES:
                found_.append((tenant, _SCAN, _moment(start - 60), _moment(end)))
    return found_


def _in_attack(alert: Opened, phases: Phases) -> bool:
    spans = _hostile(phases.get(alert.tenant or "", {})).values()
    return any(_moment(start) - _BEFORE <= alert.at <= _moment(end) + _AFTER for start, end in spans)


def _hostile(spans: dict[str, list[float]]) -> dict[str, list[float]]:
    return {phase: span for phase, span in spans.items() if not phase.startswith("false_positive")}


def _wazuh(counts: pd.DataFrame) -> list[Opened]:
    """Its alerts on repeated failures, those within an hour at one tenant as one."""
    told: list[Opened] = []
    rows = counts[counts["type"].str.startswith("wazuh_")].sort_values("minute_epoch")
    last: dict[str, pd.Timestamp] = {}
    for tenant, minute in zip(rows["testbed"], rows["minute_epoch"], strict=True):
        at = _moment(float(minute))
        if tenant not in last or at - last[tenant] > _QUIET:
            told.append(Opened(at, "FAILED_LOGINS_SPIKE", tenant, frozenset(), ("wazuh",)))
        last[tenant] = at
    return told


def _moment(seconds: float) -> pd.Timestamp:
    return pd.Timestamp(seconds, unit="s", tz="UTC")


def _moments(seconds: np.ndarray[Any, Any]) -> pd.DatetimeIndex:
    return pd.to_datetime((seconds * 1000).astype(np.int64), unit="ms", utc=True)
