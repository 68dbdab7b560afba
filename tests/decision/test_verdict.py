"""Verification: fixed, not fixed, harmful, inconclusive, and why."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spine.case_example import BROWSER, logins
from spine.decision.blast import SUCCEEDED
from spine.event import EventType
from spine.plan import VerifyCriteria
from spine.sample import samples
from spine.verdict import Cause, Outcome, Sample, Verdict, judge, stop_condition

START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
WINDOW = timedelta(minutes=5)
CRITERIA = VerifyCriteria(
    max_failures_per_window=10,
    window=WINDOW,
    hold=timedelta(minutes=15),
    deadline=timedelta(minutes=10),
    baseline_success_rate=0.97,
    max_success_drop=0.05,
    min_legitimate=30,
)


def sample(
    index: int, failures: int = 2, stopped: int = 40, attempts: int = 20, ok: int = 20, *, complete: bool = True
):
    return Sample(
        start=START + index * WINDOW,
        end=START + (index + 1) * WINDOW,
        failures=failures,
        stopped=stopped,
        legitimate_attempts=attempts,
        legitimate_successes=ok,
        complete=complete,
    )


def verdict(found: list[Sample], criteria: VerifyCriteria = CRITERIA) -> Verdict:
    return judge(criteria, found, applied_at=START, now=START + len(found) * WINDOW)


@pytest.mark.parametrize(
    ("found", "outcome", "cause", "pending"),
    [
        pytest.param([sample(i) for i in range(3)], "fixed", "stopped", False, id="held behind the throttle"),
        pytest.param([sample(i, stopped=0) for i in range(3)], "fixed", "ended", False, id="the attack left"),
        pytest.param([sample(0, 300), *[sample(i) for i in (1, 2, 3)]], "fixed", "stopped", False, id="settled late"),
        pytest.param([sample(i) for i in range(2)], "inconclusive", "none", True, id="not held long enough"),
        pytest.param([sample(0, 300)], "inconclusive", "none", True, id="still settling"),
        pytest.param([sample(i, 300) for i in range(2)], "not_fixed", "none", False, id="past the deadline"),
        pytest.param([*[sample(i) for i in range(3)], sample(3, 11)], "not_fixed", "none", False, id="it came back"),
        pytest.param(
            [sample(i, attempts=3, ok=3) for i in range(5)], "inconclusive", "stopped", False, id="too few people"
        ),
        pytest.param([sample(i, complete=i < 4) for i in range(5)], "inconclusive", "none", False, id="silent source"),
        pytest.param([], "inconclusive", "none", True, id="nothing yet"),
        pytest.param([sample(0, attempts=40, ok=35)], "harmful", "none", False, id="harm, at once"),
        pytest.param([sample(i, ok=18) for i in range(2)], "harmful", "none", False, id="harm over two windows"),
        pytest.param([sample(0, ok=5)], "inconclusive", "none", True, id="harm, but of too few to tell"),
    ],
)
def test_judge(found: list[Sample], outcome: str, cause: str, pending: bool) -> None:
    answer = verdict(found)
    assert (answer.outcome.value, answer.cause.value, answer.pending) == (outcome, cause, pending), answer.because
    assert answer.because


def test_the_sentence_tells_times_as_people_do() -> None:
    assert "not yet for 15 min" in verdict([sample(0)]).because
    assert "failures per 5 min (limit 10) for 15 min" in verdict([sample(i) for i in range(3)]).because


def test_without_a_baseline_ninety_percent_is_the_line() -> None:
    unknown = CRITERIA.model_copy(update={"baseline_success_rate": None})
    assert verdict([sample(0, attempts=100, ok=89)], unknown).outcome is Outcome.HARMFUL
    assert verdict([sample(i, attempts=100, ok=91) for i in range(3)], unknown).outcome is Outcome.FIXED


found = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 50), st.integers(0, 60), st.integers(0, 60), st.booleans()),
    max_size=8,
).map(lambda rows: [sample(i, f, s, a, min(a, ok), complete=c) for i, (f, s, a, ok, c) in enumerate(rows)])


@given(found)
def test_fixed_is_never_said_lightly(windows: list[Sample]) -> None:
    answer = verdict(windows)
    if not answer.fixed:
        return
    attempts = sum(s.legitimate_attempts for s in windows)
    assert all(s.complete for s in windows)
    assert all(s.failures <= 10 for s in windows[-3:])
    assert attempts >= 30
    assert sum(s.legitimate_successes for s in windows) / attempts >= 0.92
    assert answer.cause is not Cause.NONE


@given(found, st.integers(0, 7))
def test_missing_data_is_never_fixed(windows: list[Sample], at: int) -> None:
    if windows:
        index = at % len(windows)
        windows[index] = sample(index, complete=False)
        assert not verdict(windows).fixed


@given(found)
def test_more_failures_never_turn_a_verdict_into_fixed(windows: list[Sample]) -> None:
    worse = [
        sample(i, s.failures + 20, s.stopped, s.legitimate_attempts, s.legitimate_successes)
        for i, s in enumerate(windows)
    ]
    assert not verdict(worse).fixed


def attempt(minute: float, kind: str, user: str = "u1", ip: str = "198.51.100.1") -> dict[str, object]:
    return {
        "id": f"{minute}{user}{ip}{kind}", "type": str(kind), "occurred_at": START + timedelta(minutes=minute),
        "user_id": user, "ip": ip, "country": None, "user_agent": BROWSER,
    }  # fmt: skip


def test_samples_count_known_people_whole_windows_and_what_was_stopped() -> None:
    frame = logins()
    rows = [
        attempt(1, EventType.LOGIN_SUCCEEDED),
        attempt(2, EventType.LOGIN_THROTTLED),
        attempt(3, EventType.LOGIN_FAILED, "u1", "203.0.113.5"),  # a known user's name, tried by a stranger
        attempt(4, EventType.LOGIN_BLOCKED, "u9", "203.0.113.5"),
        attempt(4.5, EventType.CAPTCHA_SHOWN, "u9", "203.0.113.5"),
        attempt(6, EventType.LOGIN_FAILED),
        attempt(11, EventType.LOGIN_SUCCEEDED),  # in a window that is not over
    ]
    frame = type(frame)(rows)
    seen = samples(
        frame, applied_at=START, now=START + timedelta(minutes=12), window=WINDOW,
        watermark=START + timedelta(minutes=11), known_users={"u1"}, known_addresses={"198.51.100.1"},
    )  # fmt: skip
    assert [(s.failures, s.stopped, s.legitimate_attempts, s.legitimate_successes) for s in seen] == [
        (1, 2, 2, 1),
        (1, 0, 1, 0),
    ]
    assert all(s.complete for s in seen)


@pytest.mark.parametrize(
    ("gave_up", "asked", "outcome"),
    [(4, 40, "fixed"), (7, 40, "harmful"), (40, 40, "harmful"), (20, 20, "fixed")],
    ids=["some give up", "more than 15 %", "its provider is down", "too few to tell"],
)
def test_a_captcha_that_people_cannot_pass_is_harm(gave_up: int, asked: int, outcome: str) -> None:
    windows = [sample(i) for i in range(3)]
    windows[1] = replace(windows[1], asked=asked, gave_up=gave_up)
    asking = CRITERIA.model_copy(update={"max_captcha_abandoned": 0.15})
    assert verdict(windows, asking).outcome.value == outcome
    assert verdict(windows).outcome is Outcome.FIXED


def test_who_gave_up_at_the_captcha_is_counted_among_known_people_who_had_time() -> None:
    users = {f"u{n}" for n in range(1, 7)}
    shown, passed = EventType.CAPTCHA_SHOWN, EventType.CAPTCHA_PASSED
    rows = [
        attempt(1, shown, "u1"), attempt(2, shown, "u1"), attempt(2.5, passed, "u1"),
        attempt(1, shown, "u2"), attempt(1.5, EventType.LOGIN_FAILED, "u2"),  # past the captcha, wrong password
        attempt(0.5, passed, "u3"), attempt(3, shown, "u3"),
        attempt(6, shown, "u4"),
        attempt(6, shown, "u5", "203.0.113.5"),  # a known user's name, tried by a stranger
        attempt(9, shown, "u6"),
    ]  # fmt: skip
    frame = type(logins())(rows).sort_values("occurred_at")
    seen = samples(
        frame, applied_at=START, now=START + timedelta(minutes=10.5), window=WINDOW, watermark=START + 2 * WINDOW,
        known_users=users, known_addresses={"198.51.100.1"},
    )  # fmt: skip
    assert [(s.asked, s.gave_up) for s in seen] == [(3, 1), (1, 1)]


def test_a_machine_at_a_known_address_is_no_person_who_fails_or_gives_up() -> None:
    """It tries 60 known colleagues and ignores their captchas, while other people pass elsewhere."""
    office, homes = "198.51.100.1", [f"192.0.2.{n}" for n in range(40)]
    shown, passed = EventType.CAPTCHA_SHOWN, EventType.CAPTCHA_PASSED
    rows = [attempt(1, kind, f"c{n}", office) for n in range(60) for kind in (shown, EventType.LOGIN_FAILED)]
    rows += [attempt(1, shown, f"p{n}", ip) for n, ip in enumerate(homes)]
    rows += [attempt(1.2, kind, f"p{n}", ip) for n, ip in enumerate(homes) for kind in (passed, SUCCEEDED)]
    frame = type(logins())(rows).sort_values("occurred_at", kind="stable")
    everybody = {f"c{n}" for n in range(60)} | {f"p{n}" for n in range(40)}

    def seen(suspects: set[str]) -> Sample:
        (found,) = samples(
            frame, applied_at=START, now=START + WINDOW, window=WINDOW, watermark=START + WINDOW,
            known_users=everybody, known_addresses={office, *homes}, suspects=suspects,
        )  # fmt: skip
        return found

    fair, fooled = seen({office, homes[0]}), seen(set())
    assert (fair.asked, fair.gave_up, fair.legitimate_attempts, fair.legitimate_successes) == (40, 0, 40, 40)
    assert (fooled.legitimate_attempts, fooled.legitimate_successes) == (100, 40)


def test_what_is_shown_as_the_stop_condition_is_what_is_enforced() -> None:
    assert stop_condition(CRITERIA) == ("under 92.0% of at least 30 attempts of known people succeed, 97.0% before")
    unknown = CRITERIA.model_copy(update={"baseline_success_rate": None, "max_captcha_abandoned": 0.15})
    assert stop_condition(unknown) == (
        "under 90.0% of at least 30 attempts of known people succeed; "
        "or over 15% of at least 30 of them give up at the captcha"
    )


def test_a_source_that_fell_silent_leaves_windows_incomplete() -> None:
    seen = samples(
        logins(), applied_at=START, now=START + 4 * WINDOW, window=WINDOW, watermark=START + WINDOW,
        known_users=(), known_addresses=(),
    )  # fmt: skip
    assert [s.complete for s in seen] == [True, True, False, False]
