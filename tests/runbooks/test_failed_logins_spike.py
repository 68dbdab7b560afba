"""The diagnosis of failed logins: what kind of attack, who was let in, what speaks against it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from runbooks.failed_logins_spike import criteria, diagnose, hypotheses, propose
from spine.case import Usual
from spine.case_example import Crowd, case
from spine.diagnostic import Answer, Check, State
from spine.network import holds
from spine.settings import VerifySettings

ATTACK = Crowd(addresses=20, users=200, tries=3, hostile=True)
OFFICE = Crowd(addresses=1, users=40, tries=1, network="198.51.100", first_user=1000)


@pytest.mark.parametrize(
    ("attack", "name"),
    [
        (Crowd(addresses=1, users=40, tries=1, hostile=True), "credential stuffing from one address"),
        (Crowd(addresses=20, users=200, tries=2, hostile=True), "credential stuffing from many addresses"),
        (Crowd(addresses=1, users=10, tries=4, hostile=True), "password spraying from one address"),
        (Crowd(addresses=10, users=20, tries=5, hostile=True), "password spraying from many addresses"),
        (Crowd(addresses=1, users=1, tries=40, hostile=True), "password guessing on one user"),
        (Crowd(addresses=2, users=6, tries=40, hostile=True), "password guessing from many addresses"),
    ],
)
def test_the_class_of_attack(attack: Crowd, name: str) -> None:
    assert diagnose(case(attack, OFFICE)).attack_class == name


def test_who_was_let_in_after_the_attack() -> None:
    found = diagnose(case(replace(ATTACK, let_in=3), OFFICE))
    assert found.compromised_users == ("u197", "u198", "u199")
    assert found.unsuppressible


def test_people_who_logged_in_from_home_were_not_let_in() -> None:
    assert diagnose(case(ATTACK, OFFICE)).compromised_users == ()


def test_attackers_are_ranked_and_the_office_is_not_among_them() -> None:
    hard = Crowd(addresses=1, users=1, tries=90, network="192.0.2", first_user=500, hostile=True)
    found = diagnose(case(ATTACK, OFFICE, hard))
    assert found.addresses[0] == "192.0.2.1"
    assert len(found.addresses) == 21
    assert "198.51.100.1" not in found.addresses


def test_a_broken_client_speaks_against_an_attack() -> None:
    broken = Crowd(addresses=60, users=600, tries=2, network="192.0.2", first_user=5000, fails=True)
    found = diagnose(case(ATTACK, OFFICE, broken))
    assert "known people fail" in {c.name for c in found.confounders}
    assert found.confirmation < 0.5
    other = hypotheses(case(ATTACK, OFFICE, broken), found)[1]
    assert other.cause.startswith("a broken client")
    assert other.for_


def test_targets_stay_within_bounds_and_off_addresses_we_know() -> None:
    neighbours = Crowd(addresses=5, users=20, tries=1, network="203.0.113", first_user=2000)
    wide = Crowd(addresses=200, users=400, tries=2, network="203.0.113", hostile=True)
    shifted = replace(wide, network="203.0.114")
    seen = case(shifted, wide, neighbours)
    throttle = next(p for p in propose(seen, diagnose(seen)) if p.action_key == "ip.throttle")
    assert 0 < len(throttle.targets) <= 50
    assert not any(holds(throttle.targets, ip) for ip in neighbours.named)


def test_an_office_with_an_infected_machine_is_no_target_and_an_address_with_one_lucky_guess_is() -> None:
    infected = replace(ATTACK, network="198.51.100", addresses=1, users=500, first_user=5000)
    lucky = replace(OFFICE, network="203.0.113", users=1, first_user=77)
    seen = case(ATTACK, infected, OFFICE, lucky)
    throttle = next(p for p in propose(seen, diagnose(seen)) if p.action_key == "ip.throttle")
    assert not holds(throttle.targets, "198.51.100.1")
    assert holds(throttle.targets, "203.0.113.1")


def test_somebody_new_who_got_in_after_a_few_failures_is_mentioned_and_spared() -> None:
    stranger = Crowd(addresses=1, users=1, tries=3, network="192.0.2", first_user=7777, hostile=True, let_in=1)
    found = diagnose(case(ATTACK, OFFICE, stranger))
    assert "192.0.2.1" not in found.addresses
    assert any("mistyped, or broken in" in m for m in found.missing)


def test_the_limit_per_address_leaves_the_busiest_office_twice_its_room() -> None:
    busy = replace(OFFICE, users=800)
    limits = []
    for office in (OFFICE, busy):
        seen = case(ATTACK, office)
        rung = next(p for p in propose(seen, diagnose(seen)) if p.action_key == "rate_limit.strict")
        limits.append(rung.params["per_minute"])
    assert limits[0] == 10
    assert 28 <= limits[1] <= 40


@pytest.mark.parametrize(
    ("usual", "limit"),
    [(None, 10), (12, 10), (120, 15), (480, 60)],
)
def test_criteria_follow_the_baseline_above_a_floor(usual: float | None, limit: float) -> None:
    seen = replace(case(ATTACK, OFFICE), usual=Usual(failures_per_hour=usual))
    made = criteria(seen, diagnose(seen), VerifySettings())
    assert made.max_failures_per_window == limit
    assert (made.window, made.hold) == (timedelta(minutes=5), timedelta(minutes=15))


def test_what_people_did_before_the_attack_is_the_baseline_of_harm() -> None:
    clumsy = Crowd(addresses=1, users=10, tries=1, network="198.51.100", first_user=1000, fails=True)
    seen = case(ATTACK, replace(OFFICE, users=60), clumsy)
    made = criteria(seen, diagnose(seen), VerifySettings())
    assert made.baseline_success_rate == pytest.approx(6 / 7, abs=0.02)


def test_a_short_hold_shortens_the_window_and_its_limit() -> None:
    seen = case(ATTACK, OFFICE)
    made = criteria(seen, diagnose(seen), VerifySettings(hold_minutes=1))
    assert (made.window, made.max_failures_per_window) == (timedelta(minutes=1), 2)


def _answers(key: str, check: str, state: State) -> dict[str, Answer]:
    return {key: Answer(key, (Check(check, state, "as told"),))}


def test_a_broken_identity_provider_speaks_against_an_attack() -> None:
    seen = replace(case(ATTACK, OFFICE), answers=_answers("oidc_discovery", "google.document", State.BAD))
    found = diagnose(seen)
    assert "identity provider" in {c.name for c in found.confounders}
    assert any("discovery" in reason for h in hypotheses(seen, found) for reason in h.for_)


def test_a_release_an_attacker_may_have_made_up_is_no_excuse() -> None:
    seen = replace(case(ATTACK, OFFICE), answers=_answers("release_split", "login.release", State.BAD))
    assert "one release" not in {c.name for c in diagnose(seen).confounders}


def test_a_release_that_fails_for_known_people_is_one() -> None:
    broken = Crowd(addresses=30, users=400, tries=1, network="192.0.2", first_user=1000, fails=True)
    seen = replace(case(ATTACK, broken), answers=_answers("release_split", "login.release", State.BAD))
    assert "one release" in {c.name for c in diagnose(seen).confounders}
