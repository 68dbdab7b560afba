"""Mails of two kinds that fail together: resets and verifications leave by the same mail service."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd

from spine.detect.detector import Detector, Find
from spine.detect.fault.evidence import Seen
from spine.detect.fault.example import Faults, faults
from spine.detect.fault.family import RESETS, VERIFICATIONS, Family
from spine.detect.fault.odds import added, cell_log_odds, together
from spine.detect.fault.share_of_tenant import LOOKED_AT, Limits
from spine.detect.frames import Frames
from spine.detect.scene import Scene
from spine.detect.subject import of_everybody
from spine.finding import Finding
from spine.ids import NO_TENANT
from spine.settings.fault import FaultSettings
from spine.severity import Severity


def detector(name: str, family: Family, limits: Limits) -> Detector:
    """The detector of `family` that also asks how mails of the other kind fare."""
    return Detector(
        name=name,
        find=_finder(name, family, limits),
        firing=lambda: _both([Faults(f"t{i}", 1, 3) for i in range(6)]),
        silent=lambda: faults(family, *(Faults(f"t{i}", 1, 3) for i in range(6))),  # the other kind's all arrive
    )


def _finder(name: str, family: Family, limits: Limits) -> Find:
    def find(scene: Scene) -> list[Finding]:
        limit = limits(scene.settings)
        found = (_seen(scene, name, family, window, limit) for window in LOOKED_AT)
        one = next((seen for seen in found if seen), None)
        return [one.finding(scene)] if one else []

    return find


def _seen(scene: Scene, name: str, family: Family, window: str, limit: FaultSettings) -> Seen | None:
    """Both kinds over all tenants, the loudest left out; nothing while this kind has hardly failed itself."""
    mine, seen = scene.faults(family), [scene.faults(one) for one in (RESETS, VERIFICATIONS)]
    failures, tries = mine.failures[window], mine.tries[window]
    if failures.sum() < limit.shared_min_failures:
        return None
    tenants, place = np.unique(np.concatenate([one.tenant for one in seen]).astype(str), return_inverse=True)
    places = np.split(place, [len(seen[0])])
    failed, expected, told = np.zeros(len(tenants)), np.zeros(len(tenants)), []
    for one, where in zip(seen, places, strict=True):
        share = one.share(limit.prior_tries, limit.floor_share)
        np.add.at(failed, where, one.failures[window])
        np.add.at(expected, where, share * one.tries[window])
        told.append(
            cell_log_odds(
                one.failures[window], one.tries[window], share,
                worse=limit.everywhere_shares, touched=limit.everywhere_touched,
            )
        )  # fmt: skip
    touched, loudest = int((failed > 0).sum()), int(np.argmax(failed))
    own, both = float(together(told[family is VERIFICATIONS])), float(together(added(places, told, len(tenants))))
    others, usual = failed.sum() - failed[loudest], expected.sum() - expected[loudest]
    need = math.log(limit.shared_odds)
    if touched < limit.everywhere_min_tenants or both < need or own < math.log(limit.shared_own_odds):
        return None
    if others < limit.everywhere_min_lift * usual:
        return None
    ratio, failing = failures.sum() / max(tries.sum(), 1), failures > 0
    return Seen(
        kind=family.kind, detector=name, tenant=NO_TENANT, subject=of_everybody(), window=window, n=float(tries.sum()),
        observed={"failures": float(failures.sum()), "tenants": float(touched), "ratio": float(ratio),
                  "log_odds": both, "own_log_odds": own},
        threshold={"tenants": float(limit.everywhere_min_tenants), "log_odds": need,
                   "own_log_odds": math.log(limit.shared_own_odds)},
        margin=both / need, severity=Severity.HIGH if ratio >= limit.high_ratio else Severity.MEDIUM,
        first=mine.first[failing].min(), last=mine.last[failing].max(),
        tenants=tuple(sorted(map(str, mine.tenant[failing]))),
    )  # fmt: skip


def _both(given: list[Faults]) -> Frames:
    """The same failures of both kinds."""
    resets, verifications = (faults(family, *given) for family in (RESETS, VERIFICATIONS))
    return replace(resets, faults=pd.concat([resets.faults, verifications.faults], ignore_index=True))
