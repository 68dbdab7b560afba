"""Refused tokens of one tenant, far beyond what a deploy brings: forged ones, or a service with the wrong key."""

import numpy as np

from spine.detect.detector import Detector
from spine.detect.fault.cell import WINDOWS, Cells, Floats
from spine.detect.fault.evidence import Seen
from spine.detect.fault.example import Faults, faults
from spine.detect.fault.family import TOKENS
from spine.detect.fault.refusal import faulty
from spine.detect.fault.tokens import expected
from spine.detect.scene import Scene
from spine.detect.subject import of_everybody, of_tenant
from spine.detect.tail import tail_probability
from spine.finding import Finding
from spine.settings.fault import TokenSettings
from spine.severity import Severity

NAME = "jwt_rejects_of_tenant"


def find(scene: Scene) -> list[Finding]:
    """Tenants whose refusals lie in the far tail of a negative binomial even if a deploy had raised its mean.

    Source: DETECTION; deploys give bumps of two to six times, of all tenants at once.
    """
    limit = scene.settings.tokens
    seen = faulty(scene)
    found: dict[int, Seen] = {}
    for window in reversed(WINDOWS):
        bound = np.fmax(limit.tenant_fold * expected(seen, window, limit), limit.floor_mean * WINDOWS[window] / 60)
        for place in _places(seen, window, bound, limit):
            found[place] = _seen(seen, window, place, float(bound[place]), limit)
    return [one.finding(scene) for one in found.values()]


def _places(seen: Cells, window: str, bound: Floats, limit: TokenSettings) -> list[int]:
    refused = seen.failures[window]
    many = (refused >= limit.min_failures) & (refused > bound)
    many &= ~np.isnan(seen.usual) | (refused >= limit.cold_factor * limit.min_failures)
    spread = np.fmax(np.nan_to_num(seen.variance) / np.fmax(np.nan_to_num(seen.usual), 1e-9), limit.floor_dispersion)
    spread = np.where(np.nan_to_num(seen.usual) > 0, spread, limit.floor_dispersion)
    tail = tail_probability(
        refused[many], bound[many], (bound * spread)[many],
        floor_mean=0.01, floor_dispersion=limit.floor_dispersion,
    )  # fmt: skip
    many[many] = tail <= limit.max_p_value
    usual = expected(seen, window, limit)
    others, usual_others = refused.sum() - refused, usual.sum() - usual
    rising = (others >= limit.elsewhere_failures) & (others >= limit.elsewhere_fold * usual_others)
    return [int(place) for place in np.flatnonzero(many & ~rising)]


def _seen(seen: Cells, window: str, place: int, bound: float, limit: TokenSettings) -> Seen:
    refused = float(seen.failures[window][place])
    need = max(bound, float(limit.min_failures))
    return Seen(
        kind=TOKENS.kind, detector=NAME, tenant=str(seen.tenant[place]), subject=of_tenant(), window=window,
        n=max(float(seen.tries[window][place]), refused),
        observed={"failures": refused, "usual": float(expected(seen, window, limit)[place])},
        threshold={"failures": need, "p_value": limit.max_p_value},
        margin=refused / need, severity=Severity.MEDIUM, first=seen.first[place], last=seen.last[place],
        part_of=of_everybody(),
    )  # fmt: skip


DETECTOR = Detector(
    name=NAME,
    find=find,
    firing=lambda: faults(
        TOKENS, Faults("t1", 40, 200, usual=1, usual_tries=1000), Faults("t2", 1, 200, usual=1, usual_tries=1000)
    ),
    silent=lambda: faults(TOKENS, *(Faults(f"t{i}", 6, 200, usual=1, usual_tries=1000) for i in range(6))),
)
