"""Refused tokens of many tenants at once: a signing key changed, and verifiers do not know the new one."""

import numpy as np

from spine.detect.detector import Detector
from spine.detect.fault.cell import WINDOWS, Cells
from spine.detect.fault.evidence import Seen
from spine.detect.fault.example import Faults, faults
from spine.detect.fault.family import TOKENS
from spine.detect.fault.refusal import faulty
from spine.detect.fault.tokens import expected, without_largest
from spine.detect.scene import Scene
from spine.detect.subject import of_everybody
from spine.detect.tail import tail_probability
from spine.finding import Finding
from spine.ids import NO_TENANT
from spine.settings.fault import TokenSettings
from spine.severity import Severity

NAME = "jwt_rejects_everywhere"


def find(scene: Scene) -> list[Finding]:
    """A bump of all tenants, the largest left out in the same window, higher than any deploy's and longer than a
    planned overlap of keys. Source: DETECTION, fold of eight; RUNBOOKS 2.4."""
    limit = scene.settings.tokens
    seen = faulty(scene)
    if int((seen.failures["60m"] > 0).sum()) < limit.everywhere_min_tenants or not _lasting(seen, limit):
        return []
    found = (_seen(seen, window, limit) for window in WINDOWS)
    return [one.finding(scene) for one in found if one is not None][:1]


def _lasting(seen: Cells, limit: TokenSettings) -> bool:
    """True when the bump reaches back more than five minutes."""
    old = seen.failures["15m"] - seen.failures["5m"]
    usual = without_largest(np.nan_to_num(seen.usual), old) * (WINDOWS["15m"] - WINDOWS["5m"]) / 60
    rest = without_largest(old, old)
    return rest >= limit.lasting_failures and rest >= limit.lasting_fold * usual


def _seen(seen: Cells, window: str, limit: TokenSettings) -> Seen | None:
    refused = seen.failures[window]
    usual = expected(seen, window, limit)
    touched = int((refused > 0).sum())
    rest, others = without_largest(refused, refused), without_largest(usual, refused)
    bound, benign = limit.everywhere_fold * others, limit.everywhere_benign_fold * others
    if touched < limit.everywhere_min_tenants or rest < limit.everywhere_min_failures or rest <= bound:
        return None
    tail = tail_probability(
        rest, benign, benign * limit.everywhere_dispersion,
        floor_mean=0.01, floor_dispersion=limit.everywhere_dispersion,
    )  # fmt: skip
    if float(tail) > limit.everywhere_max_p_value:
        return None
    need = max(bound, float(limit.everywhere_min_failures))
    fold = rest / max(others, 1e-9)
    failing = refused > 0
    return Seen(
        kind=TOKENS.kind, detector=NAME, tenant=NO_TENANT, subject=of_everybody(), window=window,
        n=float(np.fmax(seen.tries[window], refused).sum()),
        observed={"failures": float(refused.sum()), "tenants": float(touched), "fold": fold},
        threshold={"failures": need, "tenants": float(limit.everywhere_min_tenants), "fold": limit.everywhere_fold},
        margin=rest / need, severity=Severity.HIGH if fold >= limit.high_fold else Severity.MEDIUM,
        first=seen.first[failing].min(), last=seen.last[failing].max(),
        tenants=tuple(sorted(map(str, seen.tenant[failing]))),
    )  # fmt: skip


DETECTOR = Detector(
    name=NAME,
    find=find,
    firing=lambda: faults(TOKENS, *(Faults(f"t{i}", 20, 200, usual=1, usual_tries=1000, recent=8) for i in range(6))),
    silent=lambda: faults(TOKENS, *(Faults(f"t{i}", 3, 200, usual=2, usual_tries=1000, recent=1) for i in range(6))),
)
