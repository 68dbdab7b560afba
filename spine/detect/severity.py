"""The severity ladder of RUNBOOKS 2.1, applied to what the detectors saw."""

from collections import Counter
from dataclasses import dataclass, replace

import pandas as pd

from spine.detect.entity.ladder import climbed
from spine.detect.scene import Scene
from spine.finding import Finding
from spine.ids import TenantId
from spine.incident import IncidentKind
from spine.severity import Severity

Entered = dict[tuple[str, str], set[str]]
COMPROMISED = "compromised_users"
"""Key in `observed`: users who logged in from an attacking address after its failures."""


def grade(findings: list[Finding], scene: Scene) -> list[Finding]:
    """The same findings with their severities. A finding under the line (margin < 1) stays at INFO.

    Other kinds than failed logins have theirs already, but for the ladders that count users (entity/ladder.py).
    """
    mine = IncidentKind.FAILED_LOGINS_SPIKE
    hit = {finding.tenant_id for finding in findings if finding.kind is mine and finding.margin >= 1}
    if not hit:
        return climbed(findings, scene)
    attempts = scene.attempts[scene.attempts["tenant_id"].isin(hit).to_numpy(bool)]
    ladder = _Ladder(
        scene=scene,
        entered=_entered(attempts),
        shared=_shared_addresses(findings, scene.settings.severity.high_tenants),
        tenfold=_tenfold_tenants(scene),
        dropped=_dropped_tenants(scene, attempts),
    )
    return climbed([ladder.graded(f) if f.kind is mine else f for f in findings], scene)


@dataclass(frozen=True, slots=True)
class _Ladder:
    """What every finding's severity is read from, looked up once per scene."""

    scene: Scene
    entered: Entered
    shared: set[str]
    tenfold: set[TenantId]
    dropped: set[TenantId]

    def graded(self, finding: Finding) -> Finding:
        if finding.margin < 1:
            return finding
        limit, tenant = self.scene.settings.severity, finding.tenant_id
        hit = tuple(sorted({user for ip in finding.addresses for user in self.entered.get((tenant, ip), ())}))
        severity = Severity.MEDIUM
        users = max(len(finding.users), int(finding.observed.get("users", 0)))
        spread = users >= limit.high_users or not self.shared.isdisjoint(finding.addresses)
        if spread or hit or tenant in self.tenfold:
            severity = Severity.HIGH
        if len(hit) >= limit.critical_compromised_users or tenant in self.dropped:
            severity = Severity.CRITICAL
        observed = {**finding.observed, COMPROMISED: float(len(hit))}
        return replace(finding, severity=severity, observed=observed, compromised=hit)


def _entered(attempts: pd.DataFrame) -> Entered:
    """Users who logged in from an address after it had failed, by tenant and address; trusted ones left out."""
    rows = attempts[~attempts["trusted"].to_numpy(bool)]
    if rows.empty:
        return {}
    start = rows.groupby(["tenant_id", "ip"])["first_fail"].transform("min")
    after = rows[(rows["last_ok"] > start) & rows["user_id"].notna()]
    found: Entered = {}
    for tenant, address, user in zip(after["tenant_id"], after["ip"], after["user_id"], strict=True):
        found.setdefault((tenant, address), set()).add(user)
    return found


def _tenfold_tenants(scene: Scene) -> set[TenantId]:
    """Tenants with ten times the usual failures in 15 minutes, and not just a handful."""
    series = scene.frames.series
    rows = series[series["type"] == "login_failed"]
    least = (scene.settings.severity.high_baseline_factor * rows["base_15m"]).clip(
        lower=scene.settings.tenant_ratio.min_failures
    )
    return {TenantId(str(tenant)) for tenant in rows.loc[rows["n_15m"] >= least, "tenant_id"]}


def _shared_addresses(findings: list[Finding], tenants: int) -> set[str]:
    """Addresses that attack at least so many tenants at once."""
    pairs = {(f.tenant_id, address) for f in findings if f.margin >= 1 for address in f.addresses}
    counts = Counter(address for _, address in pairs)
    return {address for address, n in counts.items() if n >= tenants}


def _dropped_tenants(scene: Scene, attempts: pd.DataFrame) -> set[TenantId]:
    """Tenants whose known good addresses succeed clearly less often than usual: the attack hurts people."""
    limit = scene.settings.severity
    good = attempts[attempts["trusted"].to_numpy(bool) & ((attempts["ok_15m"] + attempts["fail_15m"]) > 0).to_numpy()]
    seen = good.groupby(["tenant_id", "user_id"], sort=False)["ok_15m"].sum()
    users = (seen > 0).groupby("tenant_id").agg(["sum", "size"])
    calm = scene.frames.tenants.set_index("tenant_id")["calm_users_15m"].reindex(users.index).fillna(0)
    total = users["size"] + calm
    usual = _usual_success(scene.frames.series).reindex(users.index).fillna(1.0)
    few = (users["sum"] + calm) < limit.critical_legitimate_success * usual * total
    return {TenantId(str(tenant)) for tenant in users.index[few & (total >= limit.min_legitimate)]}


def _usual_success(series: pd.DataFrame) -> pd.Series:
    base = series.pivot_table(index="tenant_id", columns="type", values="base_60m", aggfunc="first").reindex(
        columns=["login_succeeded", "login_failed"]
    )
    total = base["login_succeeded"] + base["login_failed"]
    return (base["login_succeeded"] / total).where(total > 0)
