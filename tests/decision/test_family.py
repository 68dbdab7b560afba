"""What failed, what worked and what was stopped, for every kind of incident."""

from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest

from spine.case import Case
from spine.case_example import NOW, Crowd, case, findings, incident, logins
from spine.criteria import recovery
from spine.decision.blast import estimate
from spine.event_type import LOGIN_FAMILY, EventType
from spine.family import FAMILIES, family_of
from spine.incident import AUTH_KINDS, IncidentKind
from spine.plan import Gate, Risk, Step
from spine.sample import samples
from spine.settings import VerifySettings
from spine.verdict import Outcome, Sample, judge
from spine.vocabulary import VOCABULARY
from spine.wording import blast_lines
from tasks.mitigations import actions

BLOCKED, CROSSED = EventType.LOGIN_BLOCKED.value, EventType.TENANT_SCOPE_VIOLATION.value
ACCEPTED = EventType.JWT_ACCEPTED.value


@pytest.mark.parametrize("kind", AUTH_KINDS)
def test_every_kind_has_failures_successes_against_them_and_reads_only_its_own_events(kind: IncidentKind) -> None:
    family = family_of(kind)
    assert family.failures
    assert family.successes
    assert len(set(family.read)) == len(family.read)
    assert all(kind in VOCABULARY[event].kinds for event in family.read)
    assert set(family.told) <= set(family.attempts)


def test_the_family_of_logins_is_what_ingest_calls_one() -> None:
    assert set(family_of(IncidentKind.FAILED_LOGINS_SPIKE).read) == set(LOGIN_FAMILY)


@pytest.mark.parametrize(
    ("event", "said", "fate"),
    [
        (BLOCKED, None, "stopped"),
        (BLOCKED, {"limited_by": "address"}, "stopped"),
        (BLOCKED, {"limited_by": "user"}, "failed"),
        (BLOCKED, {"leaked": True}, "failed"),
        (BLOCKED, {"leaked": "yes"}, "stopped"),
        (CROSSED, {"allowed": False}, "stopped"),
        (CROSSED, {"allowed": True}, "failed"),
        (CROSSED, {}, "failed"),
        (ACCEPTED, {}, "worked"),
        (ACCEPTED, {"kid_trusted": False}, "failed"),
    ],
)
def test_the_event_says_who_stopped_it(event: str, said: object, fate: str) -> None:
    (family,) = (f for f in FAMILIES.values() if event in {t.value for t in f.told})
    frame = pd.DataFrame([{"type": event, "attributes": said}])
    assert family.fates(frame).tolist() == [fate]


def test_a_lock_of_the_identity_provider_is_no_calm() -> None:
    """Nothing of ours stopped these: verification must not take them for our effect."""
    frame = logins(Crowd(addresses=2, users=10, tries=1, hostile=True, fate=EventType.LOGIN_BLOCKED))
    locked = frame.assign(attributes=[{"limited_by": "user"}] * 4 + [None] * 6)
    (seen,) = samples(
        locked, applied_at=NOW - timedelta(minutes=15), now=NOW, window=timedelta(minutes=15), watermark=NOW,
        known_users=(), known_addresses=(),
    )  # fmt: skip
    assert (seen.failures, seen.stopped) == (4, 6)


def resets(*, failed: int, worked: int) -> Case:
    """Password resets of known people, none of which names an address."""
    kinds = [EventType.PASSWORD_RESET_UNDELIVERED] * failed + [EventType.PASSWORD_RESET_DELIVERED] * worked
    frame = logins(Crowd(addresses=1, users=len(kinds), tries=1)).assign(type=[k.value for k in kinds], ip=None)
    about = replace(incident(), kind=IncidentKind.PASSWORD_RESET_FAILURES)
    users = set(frame["user_id"])
    return Case.of(
        about, findings((), users, failed), now=NOW, logins=frame, known_users=users, known_addresses=(), watermark=NOW
    )


def test_of_a_fault_every_failure_counts_and_whoever_got_through_is_legitimate() -> None:
    seen = resets(failed=30, worked=12)
    assert (int(seen.logins["attack"].sum()), int(seen.logins["legitimate"].sum())) == (30, 12)


def test_of_a_fault_known_people_are_counted_wherever_they_are() -> None:
    frame = resets(failed=30, worked=12).logins
    family = family_of(IncidentKind.PASSWORD_RESET_FAILURES)
    (seen,) = samples(
        frame, applied_at=NOW - timedelta(hours=1), now=NOW, window=timedelta(hours=1), watermark=NOW,
        known_users=set(frame["user_id"]), known_addresses=(), family=family,
    )  # fmt: skip
    assert (seen.failures, seen.legitimate_attempts, seen.legitimate_successes) == (30, 42, 12)


def test_people_are_told_of_a_fault_in_its_own_words() -> None:
    seen = resets(failed=30, worked=10)
    spec = actions()["reset.pause"].spec
    radius = estimate(
        spec, spec.parse({}), (), seen.logins, since=seen.window_start, until=seen.now, family=seen.family
    )
    step = Step(order=1, action_key=spec.key, risk=Risk.HIGH, gate=Gate.APPROVE, blast_radius=radius)
    (line,) = blast_lines(step)
    assert "100.0% of the fault (30 of 30) and 100.0% of legitimate password resets (10 of 10, 10 users)" in line


@pytest.mark.parametrize(("failed", "worked", "baseline"), [(60, 15, 0.2), (20, 5, 0.0)])
def test_a_fault_that_goes_on_is_no_harm_of_ours(failed: int, worked: int, baseline: float) -> None:
    """Only what is worse than before the effect is; of too few attempts nothing can be said."""
    seen = resets(failed=failed, worked=worked)
    since = replace(seen, incident=replace(seen.incident, first_event_at=NOW - timedelta(hours=1)))
    criteria = recovery(since, VerifySettings())
    assert criteria.baseline_success_rate == pytest.approx(baseline)
    window = Sample(
        start=NOW, end=NOW + criteria.window, failures=35, stopped=0, legitimate_attempts=40, legitimate_successes=7,
        complete=True,
    )  # fmt: skip
    verdict = judge(criteria, [window], applied_at=NOW, now=NOW + criteria.window)
    assert (verdict.outcome, verdict.pending) == (Outcome.INCONCLUSIVE, True)


def test_events_of_another_kind_are_not_part_of_a_case() -> None:
    about = replace(incident(), kind=IncidentKind.PASSWORD_RESET_FAILURES)
    assert case(Crowd(addresses=2, users=20, tries=1, hostile=True), about=about).logins.empty
