"""Failures of one tenant (or of one provider for one tenant) that are too many of its tries."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from spine.detect.detector import Find
from spine.detect.fault.cell import WINDOWS, Cells, Floats
from spine.detect.fault.evidence import Seen
from spine.detect.fault.family import Family
from spine.detect.fault.odds import chance
from spine.detect.scene import Scene
from spine.detect.subject import of_everybody, of_tenant
from spine.detect.tail import tail_probability, wilson_lower
from spine.finding import Finding
from spine.settings.detect import DetectSettings
from spine.settings.fault import FaultSettings
from spine.severity import Severity

Limits = Callable[[DetectSettings], FaultSettings]
LOOKED_AT = ("15m", "60m")
"""The shorter one first: it tells the newest news."""


def finder(name: str, family: Family, limits: Limits) -> Find:
    """The detector of `family`: a burst of failures that neither chance nor the tenant's own history explains.

    Source: DETECTION; a share alone is right with few tries, a count alone is right with a history, and a surge or
    a campaign raises both tries and failures.
    """

    def find(scene: Scene) -> list[Finding]:
        limit = limits(scene.settings)
        seen = scene.faults(family)
        found: dict[int, Seen] = {}
        for window in reversed(LOOKED_AT):
            found |= {place: _seen(name, family, seen, window, place, limit) for place in _places(seen, window, limit)}
        return [one.finding(scene) for one in found.values()]

    return find


def suspects(failures: Floats, tries: Floats, share: Floats, limit: FaultSettings) -> npt.NDArray[np.bool_]:
    """Where failures are too many of the tries, whatever the history says of their number."""
    many = (failures >= limit.min_failures) & (failures >= limit.min_ratio * tries)
    many &= failures >= limit.min_lift * share * tries
    many[many] = chance(failures[many], tries[many], share[many]) <= limit.max_chance
    return many


def _places(seen: Cells, window: str, limit: FaultSettings) -> list[int]:
    failures, tries = seen.failures[window], seen.tries[window]
    many = suspects(failures, tries, seen.share(limit.prior_tries, limit.floor_share), limit)
    young = np.isnan(seen.usual)
    many &= ~young | (failures >= limit.cold_factor * limit.min_failures)
    old = many & ~young
    part = WINDOWS[window] / 60
    many[old] = (
        tail_probability(
            failures[old], seen.usual[old] * part, seen.variance[old] * part,
            floor_mean=limit.floor_mean * part, floor_dispersion=limit.floor_dispersion,
        )
        <= limit.max_p_value
    )  # fmt: skip
    return [int(place) for place in np.flatnonzero(many)]


def _seen(name: str, family: Family, seen: Cells, window: str, place: int, limit: FaultSettings) -> Seen:
    failures, tries = float(seen.failures[window][place]), float(seen.tries[window][place])
    share = float(seen.share(limit.prior_tries, limit.floor_share)[place])
    provider = str(seen.provider[place])
    part_of = None if _its_own(seen, window, place, limit) else of_everybody(provider)
    need = max(limit.min_failures, limit.min_ratio * tries, limit.min_lift * share * tries)
    return Seen(
        kind=family.kind, detector=name, tenant=str(seen.tenant[place]), subject=of_tenant(provider),
        window=window, n=tries,
        observed={"failures": failures, "ratio": failures / tries, "usual_ratio": share},
        threshold={"failures": need, "chance": limit.max_chance, "p_value": limit.max_p_value},
        margin=failures / need, severity=Severity.MEDIUM, first=seen.first[place], last=seen.last[place],
        part_of=part_of,
    )  # fmt: skip


def _its_own(seen: Cells, window: str, place: int, limit: FaultSettings) -> bool:
    """True when something else than what all tenants suffer from explains it better: far more tries than usual, or
    far more of them failing than elsewhere."""
    failures, tries = seen.failures[window], seen.tries[window]
    if failures[place] < limit.own_min_failures:
        return False
    usual = max(float(np.nan_to_num(seen.usual_tries[place])) * WINDOWS[window] / 60, limit.own_floor_tries)
    others = (seen.provider == seen.provider[place]) & (seen.tenant != seen.tenant[place])
    elsewhere = failures[others].sum() / max(tries[others].sum(), 1)
    crowded = tries[place] >= limit.own_volume_factor * usual
    worse = float(wilson_lower(failures[place], tries[place])) >= limit.own_ratio_factor * max(elsewhere, 0.1)
    return bool(crowded or worse)
