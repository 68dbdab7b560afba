"""What verification holds the world against, for any kind of incident; runbooks may ask for more."""

from datetime import timedelta

from spine.case import Case
from spine.family import Fate
from spine.plan import VerifyCriteria
from spine.sample import success_rate
from spine.settings.respond import VerifySettings


def recovery(case: Case, settings: VerifySettings) -> VerifyCriteria:
    """Failures at most max(floor, factor x baseline) per window, soon and for a while; nobody legitimate hurt."""
    window = min(timedelta(minutes=settings.window_minutes), timedelta(minutes=settings.hold_minutes))
    usual = case.usual.failures_per_hour or 0.0
    per_five = max(settings.max_failures_floor_per_5m, settings.baseline_factor * usual / 12)
    return VerifyCriteria(
        max_failures_per_window=round(per_five * (window / timedelta(minutes=5)), 3),
        window=window,
        hold=timedelta(minutes=settings.hold_minutes),
        deadline=timedelta(minutes=settings.settle_minutes),
        baseline_success_rate=success_rate(case, settings.min_legitimate),
        max_success_drop=settings.max_success_drop,
        min_legitimate=settings.min_legitimate,
        max_captcha_abandoned=settings.max_captcha_abandoned,
    )


def eased(case: Case, settings: VerifySettings) -> VerifyCriteria:
    """`recovery` of a fault that may be slow: one failure a window, a quarter of what fails now, or what is usual.

    Where ten sign-ins fail in five minutes, the floor of an attack would call the fault itself a recovery.
    """
    usual = recovery(case, settings)
    began = max(case.incident.first_event_at, case.window_start)
    failed = int(((case.logins["fate"] == Fate.FAILED) & (case.logins["occurred_at"] >= began)).sum())
    if not failed:
        return usual
    now = failed * (usual.window / max(case.now - began, usual.window))
    hourly = settings.baseline_factor * (case.usual.failures_per_hour or 0.0)
    least = max(hourly * (usual.window / timedelta(hours=1)), now / 4, 1.0)
    return usual.model_copy(update={"max_failures_per_window": round(min(usual.max_failures_per_window, least), 3)})
