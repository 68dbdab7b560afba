"""Findings on counts that a caller reports, for whoever asks without a history: the floors of RUNBOOKS 2 alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

import pandas as pd

from spine.attribute import JWT, LOGINS, MAIL, OAUTH
from spine.detect.tail import wilson_lower
from spine.family import Fate
from spine.finding import Finding
from spine.ids import TenantId
from spine.incident import IncidentKind
from spine.settings import Settings
from spine.severity import Severity

WINDOW = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Floor:
    """The least that makes an incident of counts."""

    tries: int
    ratio: float
    """Of failures to tries, as the lower end of its 95 % interval."""


FLOORS: Mapping[IncidentKind, Floor] = MappingProxyType(
    {**dict.fromkeys(MAIL, Floor(20, 0.2)), OAUTH: Floor(20, 0.15), JWT: Floor(100, 0.05)}
)
"""Source: RUNBOOKS 2.2, 2.3, 2.4 and 2.8. Of the other kinds one single event is enough to ask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """What the last quarter of an hour was like."""

    failures: int = 0
    successes: int = 0
    users: int = 0
    usual_failures_per_hour: float | None = None

    @classmethod
    def of(cls, attempts: pd.DataFrame, now: datetime, usual_failures_per_hour: float | None = None) -> "Reported":
        """The counts of `attempts` (columns occurred_at, fate, user_id)."""
        recent = attempts[attempts["occurred_at"] > now - WINDOW]
        worked = recent["fate"] == Fate.WORKED
        return cls(
            failures=int((~worked).sum()), successes=int(worked.sum()),
            users=int(recent.loc[~worked, "user_id"].nunique()), usual_failures_per_hour=usual_failures_per_hour,
        )  # fmt: skip


def finding(
    kind: IncidentKind, counts: Reported, *, tenant: TenantId, now: datetime, settings: Settings
) -> Finding | None:
    """What the counts alone say of `kind`; None when nothing was tried."""
    total = counts.failures + counts.successes
    if not total:
        return None
    observed, threshold = _measures(kind, counts, total, settings)
    margin = min(observed[name] / threshold[name] for name in threshold)
    return Finding(
        tenant_id=tenant,
        kind=kind,
        detector="reported_counts",
        window_start=now - WINDOW,
        window_end=now,
        n=total,
        observed=observed,
        threshold=threshold,
        margin=margin,
        severity=Severity.MEDIUM if margin >= 1 else Severity.INFO,
        first_event_at=now - WINDOW,
    )


def _measures(
    kind: IncidentKind, counts: Reported, total: int, settings: Settings
) -> tuple[dict[str, float], dict[str, float]]:
    failures, bound = float(counts.failures), float(wilson_lower(counts.failures, total))
    if kind is LOGINS:
        limit, usual = settings.detect.tenant_ratio, (counts.usual_failures_per_hour or 0.0) / 4
        least = max(float(limit.min_failures), limit.min_baseline_factor * usual)
        return (
            {"failures": failures, "ratio_lower_bound": bound, "users": float(counts.users)},
            {"failures": least, "ratio_lower_bound": limit.min_ratio, "users": float(limit.min_users)},
        )
    floor = FLOORS.get(kind)
    if floor is None:
        return {"failures": failures}, {"failures": 1.0}
    return (
        {"tries": float(total), "ratio_lower_bound": bound},
        {"tries": float(floor.tries), "ratio_lower_bound": floor.ratio},
    )
