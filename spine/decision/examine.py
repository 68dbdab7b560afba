"""One step under examination: bounds, blast radius and guards. Used when planning and again at execution."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from spine.action import ActionSpec, GuardView
from spine.case import Case
from spine.decision.blast import estimate
from spine.decision.rules import Rules
from spine.plan import BlastRadius, GuardResult


@dataclass(frozen=True, slots=True)
class Examination:
    """What came out."""

    results: tuple[GuardResult, ...]
    blast_radius: BlastRadius | None

    @property
    def passed(self) -> bool:
        """True when every guard said yes; a look-up that failed is no yes."""
        return all(r.passed is True for r in self.results)


def examine(
    spec: ActionSpec[Any],
    case: Case,
    rules: Rules,
    *,
    params: Mapping[str, Any],
    targets: tuple[str, ...],
    ttl: timedelta | None,
) -> Examination:
    """Hold a step against its action's bounds, then its guards. Without valid bounds no guard is asked."""
    problems = spec.problems(params, targets, ttl, rules.policy)
    if problems:
        return Examination((GuardResult(name="bounds", passed=False, because="; ".join(problems)),), None)
    parsed = spec.parse(params)
    radius = (
        estimate(spec, parsed, targets, case.logins, since=case.window_start, until=case.now, family=case.family)
        if case.readable
        else None
    )
    view = GuardView(
        params=parsed,
        targets=targets,
        blast_radius=radius,
        site=rules.site,
        began=case.incident.first_event_at,
        along=case.along,
        ways=case.ways,
        noun=case.family.noun,
        logins=case.logins,
    )
    results = [guard(view) for guard in spec.guards]
    if radius is not None and not radius.within_cap:
        results.append(GuardResult(name="cap", passed=False, because=_breach(radius)))
    return Examination(tuple(results), radius)


def _breach(radius: BlastRadius) -> str:
    return (
        f"would stop {radius.legitimate_hit} of {radius.legitimate_events} legitimate {radius.noun} "
        f"({radius.legitimate_share:.2%}), the cap is {radius.cap:.2%}"
    )
