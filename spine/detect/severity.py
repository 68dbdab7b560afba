"""The severity ladder of RUNBOOKS 2.1, applied to what the detectors saw."""

from collections import Counter
from dataclasses import replace

import pandas as pd

from spine.detect.scene import Scene
from spine.finding import Finding
from spine.ids import TenantId
from spine.severity import Severity

COMPROMISED = "compromised_users"
"""Key in `observed`: users who logged in from an attacking address after its failures."""


def grade(findings: list[Finding], scene: Scene) -> list[Finding]:
    """The same findings with their severities. A finding under the line (margin < 1) stays at INFO."""
    if not findings:
        return []
    shared = _shared_addresses(findings, scene.settings.severity.high_tenants)
    dropped = _dropped_tenants(scene)
    return [_graded(finding, scene, shared, dropped) for finding in findings]


def _graded(finding: Finding, scene: Scene, shared: set[str], dropped: set[TenantId]) -> Finding:
    if finding.margin < 1:
        return finding
    limit = scene.settings.severity
    hit = compromised(finding, scene.attempts)
    severity = Severity.MEDIUM
    users = max(len(finding.users), int(finding.observed.get("users", 0)))
    if users >= limit.high_users or hit or shared & set(finding.addresses) or _tenfold(finding, scene):
        severity = Severity.HIGH
    if len(hit) >= limit.critical_compromised_users or finding.tenant_id in dropped:
        severity = Severity.CRITICAL
    observed = {**finding.observed, COMPROMISED: float(len(hit))}
    return replace(finding, severity=severity, observed=observed, compromised=hit)


def compromised(finding: Finding, attempts: pd.DataFrame) -> tuple[str, ...]:
    """Users who logged in from one of the finding's addresses after that address had failed."""
    rows = attempts[
        (attempts["tenant_id"] == finding.tenant_id) & attempts["ip"].isin(finding.addresses) & ~attempts["trusted"]
    ]
    if rows.empty:
        return ()
    start = rows.groupby("ip")["first_fail"].min()
    after = rows[rows["last_ok"] > rows["ip"].map(start)]
    return tuple(sorted(after["user_id"].dropna().unique()))


def _tenfold(finding: Finding, scene: Scene) -> bool:
    series = scene.frames.series
    rows = series[(series["tenant_id"] == finding.tenant_id) & (series["type"] == "login_failed")]
    least = (scene.settings.severity.high_baseline_factor * rows["base_15m"]).clip(
        lower=scene.settings.tenant_ratio.min_failures
    )
    return bool((rows["n_15m"] >= least).any())


def _shared_addresses(findings: list[Finding], tenants: int) -> set[str]:
    """Addresses that attack at least so many tenants at once."""
    pairs = {(f.tenant_id, address) for f in findings if f.margin >= 1 for address in f.addresses}
    counts = Counter(address for _, address in pairs)
    return {address for address, n in counts.items() if n >= tenants}


def _dropped_tenants(scene: Scene) -> set[TenantId]:
    """Tenants whose known good addresses succeed clearly less often than usual: the attack hurts people."""
    limit = scene.settings.severity
    good = scene.attempts[scene.attempts["trusted"]]
    seen = good.groupby(["tenant_id", "user_id"], sort=False).agg(ok=("ok_15m", "sum"), fail=("fail_15m", "sum"))
    seen = seen[(seen["ok"] + seen["fail"]) > 0]
    rate = (seen["ok"] > 0).groupby("tenant_id").agg(["mean", "size"])
    usual = _usual_success(scene.frames.series).reindex(rate.index).fillna(1.0)
    low = rate[(rate["size"] >= limit.min_legitimate) & (rate["mean"] < limit.critical_legitimate_success * usual)]
    return {TenantId(str(tenant)) for tenant in low.index}


def _usual_success(series: pd.DataFrame) -> pd.Series:
    base = series.pivot_table(index="tenant_id", columns="type", values="base_60m", aggfunc="first").reindex(
        columns=["login_succeeded", "login_failed"]
    )
    total = base["login_succeeded"] + base["login_failed"]
    return (base["login_succeeded"] / total).where(total > 0)
