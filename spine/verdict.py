"""Did it help, and did it hurt? The verdict compares the world after the effect with the plan's criteria.

That failures fell is not enough: too few legitimate attempts, or a silent source, prove nothing; and that we
dropped the traffic is not the same as that the attack ended. The verdict says which of the two it saw.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from spine.plan import VerifyCriteria
from spine.share import Counts, exceeded, missed, reached, too_few, totals
from spine.span import span

LEAST_SUCCESS = 0.9
"""Legitimate success rate below which harm is assumed when no baseline is known. Source: RUNBOOKS 2.1."""


class Outcome(StrEnum):
    """What verification may answer."""

    FIXED = "fixed"
    NOT_FIXED = "not_fixed"
    HARMFUL = "harmful"
    INCONCLUSIVE = "inconclusive"


class Cause(StrEnum):
    """Why failures fell."""

    STOPPED = "stopped"
    """Attempts were throttled or blocked: the attack may go on behind the mitigation."""
    ENDED = "ended"
    """Nothing had to be stopped in the calm: the attack left, or changed."""
    NONE = "none"
    """They did not fall."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What happened in one window after the effect."""

    start: datetime
    end: datetime
    failures: int
    """Attempts of the tenant that failed."""
    stopped: int
    """Attempts that we throttled or blocked."""
    legitimate_attempts: int
    """Attempts of known users from known addresses, stopped ones included."""
    legitimate_successes: int
    asked: int = 0
    """Known people at known addresses who were asked for a captcha and had time to answer."""
    gave_up: int = 0
    """Those of them who did not get past it."""
    shares: Counts = ()
    """Whole and part of each share the criteria ask for."""
    complete: bool
    """False when events of this window may still be missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer, the sentence that says why, and the numbers behind it."""

    outcome: Outcome
    because: str
    cause: Cause = Cause.NONE
    pending: bool = False
    """True when the answer is inconclusive only because it is too early; look again, escalate nothing."""
    numbers: dict[str, float] = field(default_factory=dict)

    @property
    def fixed(self) -> bool:
        """True when the mitigation did what it was for, and hurt nobody."""
        return self.outcome is Outcome.FIXED


def stop_condition(criteria: VerifyCriteria) -> str:
    """What `judge` calls harm under these criteria, in words: then everything is taken back at once."""
    usual, people = criteria.baseline_success_rate, f"at least {max(criteria.min_legitimate, 1)}"
    before = "" if usual is None else f", {usual:.1%} before"
    told = f"under {_least_success(criteria):.1%} of {people} attempts of known people succeed{before}"
    if criteria.max_captcha_abandoned is not None:
        told += f"; or over {criteria.max_captcha_abandoned:.0%} of {people} of them give up at the captcha"
    for limit in criteria.shares:
        if limit.most is not None:
            told += f"; or {limit.name} are over {limit.most:.1%} of at least {limit.min_events}"
    return told


def judge(criteria: VerifyCriteria, samples: Sequence[Sample], *, applied_at: datetime, now: datetime) -> Verdict:
    """The verdict at `now`.

    Harm is judged first and needs no patience. Then the attack: failures must fall under the limit by the
    deadline and stay there for the hold. Only with enough legitimate attempts is that called fixed.

    Args:
        samples: consecutive windows of `criteria.window` since `applied_at`, oldest first.
    """
    ordered = sorted(samples, key=lambda s: s.start)
    complete = [s for s in ordered if s.complete]
    if criteria.lingering is not None and complete:
        ordered = complete  # a tenant that sleeps is waited for: what is complete is judged
    numbers = _numbers(criteria, complete)
    settled = [s for s in complete if s.start >= applied_at + criteria.deadline]
    harm = _harm(criteria, complete) or exceeded(criteria.shares, totals((s.shares for s in settled), criteria.shares))
    if harm is not None:
        return Verdict(outcome=Outcome.HARMFUL, because=harm, numbers=numbers)
    calm = _calm(criteria, complete)
    last_chance = applied_at + criteria.deadline
    verdict_due = now >= last_chance + criteria.hold
    if len(complete) < len(ordered) or not complete:
        return Verdict(
            outcome=Outcome.INCONCLUSIVE,
            because="events of the last windows are still missing, and missing data is not zero",
            pending=not verdict_due,
            numbers=numbers,
        )
    if not calm or calm[0].start > last_chance:
        return _restless(criteria, complete, now >= last_chance, numbers)
    held_from = calm[0].start if criteria.lingering is None else last_chance
    if calm[-1].end - held_from < criteria.hold:
        because = f"failures are under the limit since {calm[0].start:%H:%M:%S}Z, not yet for {span(criteria.hold)}"
        slept = criteria.lingering is not None and now >= last_chance + 2 * criteria.hold + criteria.window
        return Verdict(outcome=Outcome.INCONCLUSIVE, because=because, pending=not slept, numbers=numbers)
    return _short(criteria, calm, not verdict_due, numbers) or _settled(criteria, calm, not verdict_due, numbers)


def _short(criteria: VerifyCriteria, calm: Sequence[Sample], early: bool, numbers: dict[str, float]) -> Verdict | None:
    """The answer when the end of the calm, as long as the hold, falls short of a share; None = it does not."""
    sums = totals(_held(criteria, calm), criteria.shares)
    short = missed(criteria.shares, sums)
    because = short or too_few(criteria.shares, sums)
    if because is None:
        return None
    outcome = Outcome.NOT_FIXED if short and not early else Outcome.INCONCLUSIVE
    return Verdict(outcome=outcome, because=because, pending=early, numbers=numbers)


def _settled(criteria: VerifyCriteria, calm: Sequence[Sample], early: bool, numbers: dict[str, float]) -> Verdict:
    stopped = sum(s.stopped for s in calm)
    cause = Cause.STOPPED if stopped else Cause.ENDED
    attempts = int(numbers["legitimate_attempts"])
    if criteria.lingering is not None:
        return _gone(criteria, calm, stopped, numbers)
    shown = reached(criteria.shares, totals(_held(criteria, calm), criteria.shares))
    if attempts < criteria.min_legitimate and not any(limit.people for limit, _ in shown):
        enough = f"too few ({criteria.min_legitimate} are needed) to rule harm out"
        because = f"failures fell, but {attempts} legitimate attempts are {enough}"
        return Verdict(outcome=Outcome.INCONCLUSIVE, because=because, cause=cause, pending=early, numbers=numbers)
    why = (
        f"{stopped} attempts were stopped in the calm: the attack may go on behind the mitigation"
        if stopped
        else "nothing had to be stopped any more: the attack ended"
    )
    because = (
        f"at most {max(s.failures for s in calm)} failures per {span(criteria.window)} (limit "
        f"{criteria.max_failures_per_window:.0f}) for {span(calm[-1].end - calm[0].start)}; {why}"
    )
    if attempts or not shown:
        because += f"; legitimate success {numbers['legitimate_success_rate']:.1%} of {attempts}"
    because = "; ".join([because, *(text for _, text in shown)])
    return Verdict(outcome=Outcome.FIXED, because=because, cause=cause, numbers=numbers)


def _gone(criteria: VerifyCriteria, calm: Sequence[Sample], stopped: int, numbers: dict[str, float]) -> Verdict:
    """Nothing of the cut-off sessions any more. Of so few users no number of legitimate attempts is waited for."""
    why = f"{stopped} uses were refused" if stopped else "nobody tried to use them"
    because = f"nothing of the old sessions worked for {span(calm[-1].end - calm[0].start)}; {why}"
    cause = Cause.STOPPED if stopped else Cause.ENDED
    return Verdict(outcome=Outcome.FIXED, because=because, cause=cause, numbers=numbers)


def _held(criteria: VerifyCriteria, calm: Sequence[Sample]) -> list[Counts]:
    """The shares of the calm's end, as long as the hold."""
    return [s.shares for s in calm if s.start >= calm[-1].end - criteria.hold]


def _restless(criteria: VerifyCriteria, complete: Sequence[Sample], late: bool, numbers: dict[str, float]) -> Verdict:
    last = complete[-1]
    what = "failures" if criteria.lingering is None else "uses of the old sessions, or from where they were used,"
    because = (
        f"{last.failures} {what} in the window that ended {last.end:%H:%M:%S}Z, "
        f"the limit is {criteria.max_failures_per_window:.0f}"
    )
    if late:
        return Verdict(outcome=Outcome.NOT_FIXED, because=because, numbers=numbers)
    return Verdict(outcome=Outcome.INCONCLUSIVE, because=because, pending=True, numbers=numbers)


def _calm(criteria: VerifyCriteria, complete: Sequence[Sample]) -> list[Sample]:
    """The windows under the limit at the end, without a break."""
    calm: list[Sample] = []
    for sample in reversed(complete):
        if sample.failures > criteria.max_failures_per_window:
            break
        calm.insert(0, sample)
    return calm


def _harm(criteria: VerifyCriteria, complete: Sequence[Sample]) -> str | None:
    """Why legitimate users are worse off, in any one window or over all of them; None = no sign of it."""
    return _failing(criteria, complete) or _giving_up(criteria, complete)


def _failing(criteria: VerifyCriteria, complete: Sequence[Sample]) -> str | None:
    usual, least = criteria.baseline_success_rate, _least_success(criteria)
    for attempts, successes in _each_and_all((s.legitimate_attempts, s.legitimate_successes) for s in complete):
        if attempts >= max(criteria.min_legitimate, 1) and successes / attempts < least:
            before = "unknown before" if usual is None else f"{usual:.1%} before"
            return f"only {successes} of {attempts} legitimate attempts succeed ({successes / attempts:.1%}, {before})"
    return None


def _giving_up(criteria: VerifyCriteria, complete: Sequence[Sample]) -> str | None:
    """A captcha that nobody can pass leaves no attempt behind, and so no failing one."""
    most = criteria.max_captcha_abandoned
    for asked, gave_up in _each_and_all((s.asked, s.gave_up) for s in complete):
        if most is not None and asked >= max(criteria.min_legitimate, 1) and gave_up / asked > most:
            return f"{gave_up} of {asked} known people gave up at the captcha ({gave_up / asked:.1%}, limit {most:.0%})"
    return None


def _each_and_all(windows: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    counts = list(windows)
    return [*counts, (sum(whole for whole, _ in counts), sum(part for _, part in counts))]


def _least_success(criteria: VerifyCriteria) -> float:
    usual = criteria.baseline_success_rate
    return LEAST_SUCCESS if usual is None else max(usual - criteria.max_success_drop, 0.0)


def _numbers(criteria: VerifyCriteria, complete: Sequence[Sample]) -> dict[str, float]:
    attempts = sum(s.legitimate_attempts for s in complete)
    successes = sum(s.legitimate_successes for s in complete)
    return {
        "failures_last_window": float(complete[-1].failures if complete else 0),
        "failures_limit": criteria.max_failures_per_window,
        "stopped": float(sum(s.stopped for s in complete)),
        "legitimate_attempts": float(attempts),
        "legitimate_success_rate": successes / attempts if attempts else 0.0,
        "captcha_asked": float(sum(s.asked for s in complete)),
        "captcha_gave_up": float(sum(s.gave_up for s in complete)),
        "windows": float(len(complete)),
    }
