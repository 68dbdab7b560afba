"""Failures of many tenants at once: a mail service, a provider or a release that fails all of them."""

import math

import numpy as np

from spine.detect.detector import Find
from spine.detect.fault.cell import Cells
from spine.detect.fault.evidence import Seen
from spine.detect.fault.family import Family
from spine.detect.fault.odds import common_log_odds
from spine.detect.fault.share_of_tenant import LOOKED_AT, Limits
from spine.detect.scene import Scene
from spine.detect.subject import of_everybody
from spine.finding import Finding
from spine.ids import NO_TENANT
from spine.settings.fault import FaultSettings
from spine.severity import Severity


def finder(name: str, family: Family, limits: Limits) -> Find:
    """The detector of `family` over all tenants, per provider where the family tells them apart."""

    def find(scene: Scene) -> list[Finding]:
        limit = limits(scene.settings)
        seen = scene.faults(family)
        failing = seen.failures["60m"] > 0
        providers, tenants = np.unique(seen.provider[failing].astype(str), return_counts=True)
        found: list[Finding] = []
        for provider in providers[tenants >= limit.everywhere_min_tenants]:
            one = next(
                (s for window in LOOKED_AT if (s := _seen(name, family, seen, str(provider), window, limit))), None
            )
            if one is not None:
                found.append(one.finding(scene))
        return found

    return find


def _seen(name: str, family: Family, seen: Cells, provider: str, window: str, limit: FaultSettings) -> Seen | None:
    mine = (seen.provider == provider) & (seen.tries[window] > 0)
    failures, tries = seen.failures[window][mine], seen.tries[window][mine]
    touched = int((failures > 0).sum())
    if touched < limit.everywhere_min_tenants:
        return None
    share = seen.share(limit.prior_tries, limit.floor_share)[mine]
    odds = float(
        common_log_odds(failures, tries, share, worse=limit.everywhere_shares, touched=limit.everywhere_touched)
    )
    need, loudest = math.log(limit.everywhere_odds), int(np.argmax(failures))
    others, usual = failures.sum() - failures[loudest], (share * tries).sum() - (share * tries)[loudest]
    if odds < need or others < limit.everywhere_min_lift * usual:
        return None
    ratio = failures.sum() / tries.sum()
    failing = mine & (seen.failures[window] > 0)
    return Seen(
        kind=family.kind, detector=name, tenant=NO_TENANT, subject=of_everybody(provider), window=window,
        n=float(tries.sum()),
        observed={"failures": float(failures.sum()), "tenants": float(touched), "ratio": float(ratio),
                  "usual_ratio": float((share * tries).sum() / tries.sum()), "log_odds": odds},
        threshold={"tenants": float(limit.everywhere_min_tenants), "log_odds": need},
        margin=odds / need, severity=Severity.HIGH if ratio >= limit.high_ratio else Severity.MEDIUM,
        first=seen.first[failing].min(), last=seen.last[failing].max(),
        tenants=tuple(sorted(map(str, seen.tenant[failing]))),
    )  # fmt: skip
