"""Shares that verification looks at beside failures, and that plans without them keep their hash."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from spine.decision.plan_hash import digest
from spine.plan import ShareLimit, VerifyCriteria
from spine.share import counted, totals
from spine.verdict import Outcome, Sample, judge, stop_condition

START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
WINDOW = timedelta(minutes=5)
ARRIVE = ShareLimit(name="mails that arrive", of=("sent", "lost"), part=("sent",), least=0.97, min_events=30)
BOUNCE = ShareLimit(
    name="mails that bounce", of=("sent", "lost"), part=("lost",), states=("bounced",), most=0.05, min_events=30
)
CRITERIA = VerifyCriteria(
    max_failures_per_window=10, window=WINDOW, hold=timedelta(minutes=15), deadline=timedelta(minutes=10),
    baseline_success_rate=None, max_success_drop=0.05, min_legitimate=30, shares=(ARRIVE, BOUNCE),
)  # fmt: skip


def windows(*shares: tuple[tuple[int, int], ...]) -> list[Sample]:
    """Calm windows in which only the shares differ."""
    calm = Sample(
        start=START, end=START, failures=0, stopped=0, legitimate_attempts=40, legitimate_successes=40, complete=True
    )
    return [
        replace(calm, start=START + k * WINDOW, end=START + (k + 1) * WINDOW, shares=one)
        for k, one in enumerate(shares)
    ]


GOOD, LOST, FEW = ((40, 40), (40, 0)), ((40, 30), (40, 0)), ((9, 9), (9, 0))
BOUNCED, A_BOUNCE, ONE_LOST = ((40, 40), (40, 8)), ((40, 40), (40, 3)), ((20, 19), (20, 0))


@pytest.mark.parametrize(
    ("shares", "outcome", "pending", "because"),
    [
        pytest.param((GOOD,) * 3, Outcome.FIXED, False, "at most 0 failures", id="all arrive"),
        pytest.param((LOST,) * 3, Outcome.INCONCLUSIVE, True, "90 of 120", id="not yet"),
        pytest.param((LOST,) * 5, Outcome.NOT_FIXED, False, "at least 97.0% are needed", id="too many are lost"),
        pytest.param((LOST, LOST, GOOD, GOOD, GOOD), Outcome.FIXED, False, "", id="only the hold counts"),
        pytest.param((FEW,) * 5, Outcome.INCONCLUSIVE, False, "30 are needed to tell", id="too few to tell"),
        pytest.param(((),) * 5, Outcome.INCONCLUSIVE, False, "0 of 0 (none)", id="nothing was counted"),
        pytest.param((BOUNCED, BOUNCED, GOOD, GOOD, GOOD), Outcome.FIXED, False, "", id="bounces from before"),
        pytest.param((GOOD, GOOD, A_BOUNCE), Outcome.FIXED, False, "", id="three bounces are chance"),
        pytest.param((ONE_LOST,) * 5, Outcome.INCONCLUSIVE, False, "too few to tell it from 97.0%", id="so are losses"),
        pytest.param((GOOD, GOOD, BOUNCED), Outcome.HARMFUL, False, "at most 5.0% are let pass", id="bounces"),
    ],
)
def test_fixed_needs_every_share_and_harm_waits_until_the_effect_had_its_time(
    shares: tuple[tuple[tuple[int, int], ...], ...], outcome: Outcome, pending: bool, because: str
) -> None:
    found = windows(*shares)
    verdict = judge(CRITERIA, found, applied_at=START, now=START + len(found) * WINDOW)
    assert (verdict.outcome, verdict.pending) == (outcome, pending)
    assert because in verdict.because


@pytest.mark.parametrize(
    ("people", "outcome"), [(True, Outcome.FIXED), (False, Outcome.INCONCLUSIVE)], ids=["shows people", "does not"]
)
def test_where_nobody_is_known_a_share_may_show_that_people_get_what_they_want(people: bool, outcome: Outcome) -> None:
    criteria = CRITERIA.model_copy(update={"shares": (ARRIVE.model_copy(update={"people": people}), BOUNCE)})
    found = [replace(one, legitimate_attempts=0, legitimate_successes=0) for one in windows(GOOD, GOOD, GOOD)]
    verdict = judge(criteria, found, applied_at=START, now=START + 5 * WINDOW)
    assert verdict.outcome is outcome
    assert ("mails that arrive: 120 of 120 (100.0%)" in verdict.because) is people
    few = [replace(one, shares=FEW) for one in found]
    assert judge(criteria, few, applied_at=START, now=START + 5 * WINDOW).outcome is Outcome.INCONCLUSIVE


def test_the_stop_condition_names_the_shares_that_are_harm() -> None:
    assert stop_condition(CRITERIA).endswith("or mails that bounce are over 5.0% of at least 30")


def test_counting_reads_types_and_what_became_of_the_mail() -> None:
    rows = pd.DataFrame(
        [
            {"type": "sent", "attributes": None},
            {"type": "lost", "attributes": {"delivery_state": "bounced"}},
            {"type": "lost", "attributes": {"delivery_state": ["bounced"]}},
            {"type": "lost", "attributes": {}},
            {"type": "other", "attributes": {"delivery_state": "bounced"}},
        ]
    )
    assert counted(rows, CRITERIA.shares) == ((4, 1), (4, 1))
    assert counted(rows.head(0), CRITERIA.shares) == ((0, 0), (0, 0))
    assert totals([((4, 1), (4, 1)), (), ((1, 1), (0, 0))], CRITERIA.shares) == ((5, 2), (4, 1))


def test_criteria_without_shares_keep_the_hash_they_had() -> None:
    plain = CRITERIA.model_copy(update={"shares": ()})
    assert "shares" not in plain.model_dump()
    assert digest(plain) == digest(
        {name: getattr(plain, name) for name in type(plain).model_fields if name not in ("shares", "lingering")}
    )
    assert digest(plain) != digest(CRITERIA)
    assert VerifyCriteria.model_validate_json(CRITERIA.model_dump_json()) == CRITERIA
