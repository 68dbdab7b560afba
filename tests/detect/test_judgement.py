"""What is no attack, how bad an attack is, and how surprising a count."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import poisson

from spine.detect import detect
from spine.detect.example import Attempts, frames
from spine.detect.frames import Frames
from spine.detect.severity import COMPROMISED
from spine.detect.tail import tail_probability, wilson_lower
from spine.settings.detect import DetectSettings
from spine.severity import Severity

SETTINGS = DetectSettings()


SURGE = [Attempts(f"198.51.100.{i}", users=1, each=1, minutes=14, first=i, past_ok=20) for i in range(60)] + [
    Attempts(f"198.51.100.{i}", users=1, each=5, minutes=14, first=i, ok=True) for i in range(60)
]
OFFICE = [
    Attempts("198.51.100.1", users=60, each=1, minutes=14),
    Attempts("198.51.100.1", users=90, each=1, minutes=14, ok=True),
]


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(frames(*OFFICE), id="office NAT"),
        pytest.param(frames(Attempts("198.51.100.2", 1, 50, 14, past_ok=9)), id="stale service password"),
        pytest.param(frames(*SURGE), id="proportional growth"),
        pytest.param(frames(Attempts("203.0.113.9", 1, 6, 2), history_days=28), id="a bad morning"),
    ],
)
def test_what_is_no_attack_opens_nothing(seen: Frames) -> None:
    assert [f for f in detect(seen, SETTINGS) if f.margin >= 1] == []


def test_the_drill_of_the_runbook_is_severe_and_leaves_the_office_alone() -> None:
    attack = [Attempts(f"203.0.113.{i}", users=30, each=1, minutes=14, first=10 * i) for i in range(20)]
    office = [Attempts("198.51.100.1", users=50, each=1, minutes=14, ok=True), Attempts("198.51.100.1", 5, 1, 14)]
    found = detect(frames(*attack, *office), SETTINGS)
    assert max(f.severity for f in found) == Severity.HIGH
    named = {address for f in found for address in f.addresses}
    assert named == {f"203.0.113.{i}" for i in range(20)}


@pytest.mark.parametrize(("successes", "severity"), [(0, Severity.MEDIUM), (1, Severity.HIGH), (5, Severity.CRITICAL)])
def test_a_success_after_the_attack_makes_it_worse(successes: int, severity: Severity) -> None:
    seen = [Attempts("192.0.2.7", users=60, each=1, minutes=10)]
    if successes:
        seen.append(Attempts("192.0.2.7", users=successes, each=1, minutes=1, ok=True))
    found = [f for f in detect(frames(*seen), SETTINGS) if f.detector == "stuffing_one_address"]
    assert [f.severity for f in found] == [severity]
    assert len(found[0].compromised) == found[0].observed[COMPROMISED] == successes


def test_one_address_against_three_tenants_is_severe() -> None:
    seen = frames(*(Attempts("192.0.2.7", users=20, each=2, minutes=10, tenant=f"t{i}") for i in range(3)))
    assert {f.severity for f in detect(seen, SETTINGS)} == {Severity.HIGH}


def test_a_drill_is_judged_on_its_own_events() -> None:
    half = [Attempts("192.0.2.7", users=13, each=1, minutes=10, drill_id="d1"), Attempts("192.0.2.8", 1, 1, 1)]
    found = detect(frames(*half), SETTINGS)
    assert found
    assert {(f.synthetic, f.drill_id) for f in found} == {(True, "d1")}


@given(st.integers(0, 500), st.integers(0, 500))
def test_the_lower_bound_lies_below_the_share(successes: int, failures: int) -> None:
    n = successes + failures
    bound = float(wilson_lower(successes, n))
    assert 0 <= bound <= (successes / n if n else 0) + 1e-12


@given(st.integers(0, 200), st.floats(0.1, 50), st.floats(1.1, 20))
def test_the_tail_falls_with_the_count_and_is_fatter_than_poissons(count: int, mean: float, dispersion: float) -> None:
    here, next_ = tail_probability(
        [count, count + 1], [mean, mean], [mean * dispersion] * 2, floor_mean=0.1, floor_dispersion=1.1
    )
    assert 0 <= next_ <= here <= 1 + 1e-12
    far = int(mean * 3 + 5)
    fat = tail_probability(far, mean, mean * dispersion, floor_mean=0.1, floor_dispersion=1.1)
    assert float(fat) >= float(poisson.sf(far - 1, mean)) or np.isclose(float(fat), 0, atol=1e-12)


@pytest.mark.parametrize("minutes", [0.5, 40], ids=["at machine speed", "all the time"])
def test_a_stale_client_is_no_attack_however_few_successes_it_had(minutes: float) -> None:
    storm = Attempts("198.51.100.2", users=1, each=90, minutes=minutes, past_ok=2)
    assert [f for f in detect(frames(storm, history_days=28), SETTINGS) if f.margin >= 1] == []
    stranger = Attempts("192.0.2.2", users=1, each=90, minutes=minutes)
    assert [f for f in detect(frames(stranger, history_days=28), SETTINGS) if f.margin >= 1]
