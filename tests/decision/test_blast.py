"""Who counts as attack, who as legitimate, and what an action would have done to them."""

from dataclasses import replace

import pandas as pd

from spine.case_example import Crowd, case
from spine.decision.blast import SUCCEEDED, estimate, label, overrun
from spine.event import EventType
from tasks.mitigations import actions

ATTACK = Crowd(addresses=4, users=40, tries=2, hostile=True)
OFFICE = Crowd(addresses=1, users=40, tries=1, network="198.51.100", first_user=1000)
CLUMSY = Crowd(addresses=1, users=5, tries=2, network="198.51.100", first_user=1000, fails=True)


def counts(*crowds: Crowd) -> tuple[int, int]:
    frame = case(*crowds).logins
    return int(frame["attack"].sum()), int(frame["legitimate"].sum())


def test_strangers_are_the_attack_and_people_we_know_are_not() -> None:
    assert counts(ATTACK, OFFICE) == (80, 40)


def test_people_we_know_who_mistype_at_their_address_stay_legitimate() -> None:
    assert counts(ATTACK, OFFICE, CLUMSY) == (80, 50)


def test_a_break_in_belongs_to_the_attack() -> None:
    assert counts(replace(ATTACK, let_in=6), OFFICE) == (80, 40)


def test_attempts_that_were_stopped_already_still_count() -> None:
    assert counts(replace(ATTACK, fate=EventType.LOGIN_THROTTLED), OFFICE) == (80, 40)


def test_a_captcha_that_was_shown_is_no_attempt() -> None:
    assert counts(replace(ATTACK, fate=EventType.CAPTCHA_SHOWN), OFFICE) == (0, 40)


def test_somebody_new_who_mistyped_and_got_in_is_no_suspect() -> None:
    stranger = Crowd(addresses=1, users=1, tries=3, network="192.0.2", first_user=7, hostile=True, let_in=1)
    seen = case(ATTACK, OFFICE, stranger)
    assert "192.0.2.1" not in seen.suspects
    assert "203.0.113.1" in seen.suspects


def test_a_guesser_who_got_in_after_many_tries_is_a_suspect() -> None:
    guesser = Crowd(addresses=1, users=1, tries=30, network="192.0.2", first_user=7, hostile=True, let_in=1)
    assert "192.0.2.1" in case(OFFICE, guesser).suspects


def test_one_lucky_guess_last_week_makes_no_neighbour_of_an_attacker() -> None:
    lucky = replace(OFFICE, network="203.0.113", users=1, tries=1, first_user=77, fate=EventType.LOGIN_FAILED)
    seen = case(ATTACK, OFFICE, lucky)  # its address counts as known, and fails like the rest
    rows = seen.logins[seen.logins["ip"] == "203.0.113.1"]
    assert rows["attack"].all()
    assert not rows["known_address"].any()


def test_people_behind_an_overrun_address_stay_legitimate() -> None:
    infected = replace(ATTACK, network="198.51.100", addresses=1, users=500, first_user=5000)
    rows = case(infected, OFFICE).logins
    assert (int(rows["attack"].sum()), int(rows["legitimate"].sum())) == (1000, 40)


def test_an_address_that_fails_for_most_of_its_users_is_overrun_however_often_it_hits() -> None:
    infected = replace(ATTACK, network="198.51.100", addresses=1, users=100, tries=1, first_user=940, let_in=20)
    rows = case(infected, OFFICE).logins
    assert (int(rows["attack"].sum()), int(rows["legitimate"].sum())) == (80, 60)


def test_people_are_at_home_where_they_got_in_before_although_nobody_else_is() -> None:
    """An office whose machine once tried many names: unknown, named, and full of our people all the same."""
    working = replace(OFFICE, users=20, tries=1)
    guest = Crowd(addresses=1, users=5, tries=2, network="198.51.100", first_user=9000, hostile=True)
    frame = case(working, guest).logins.drop(columns=["known_user", "known_address", "attack", "legitimate"])
    staff = set(frame.loc[frame["type"] == SUCCEEDED, "user_id"])
    rows = label(
        frame, attack_start=frame["occurred_at"].min(), suspects={"198.51.100.1"}, known_users=staff,
        known_addresses=(), residents={("198.51.100.1", user) for user in staff},
    )  # fmt: skip
    assert (int(rows["attack"].sum()), int(rows["legitimate"].sum())) == (10, 20)
    assert not rows["known_address"].any()


def test_names_that_are_missing_count_as_users_one_each() -> None:
    """At night one employee works where a machine sprays names that the application does not tell."""
    alone = replace(OFFICE, users=1)
    infected = replace(ATTACK, network="198.51.100", addresses=1, users=30, first_user=5000)
    frame = case(alone, infected).logins
    frame = frame.assign(user_id=frame["user_id"].where(frame["type"] == SUCCEEDED))
    assert overrun(frame, {"198.51.100.1"}, set(frame["user_id"].dropna())) == {"198.51.100.1"}


def test_the_estimate_counts_events_and_people() -> None:
    seen = case(ATTACK, OFFICE)
    spec = actions()["ip.block"].spec
    targets = ("203.0.113.1/32", "203.0.113.2/32", "198.51.100.1/32")
    radius = estimate(spec, spec.parse({}), targets, seen.logins, since=seen.window_start, until=seen.now)
    assert (radius.attack_events, radius.attack_stopped) == (80, 40)
    assert (radius.legitimate_events, radius.legitimate_hit, radius.legitimate_users_hit) == (40, 40, 40)
    assert (radius.attack_share, radius.legitimate_share, radius.within_cap) == (0.5, 1.0, False)


def test_an_action_sees_facts_but_not_the_answer() -> None:
    seen = case(ATTACK, OFFICE)
    shown: list[str] = []

    def peek(_params: object, _targets: object, logins: pd.DataFrame) -> "pd.Series[bool]":
        shown.extend(logins.columns)
        return pd.Series(False, index=logins.index)

    spec = replace(actions()["ip.block"].spec, stops=peek)
    estimate(spec, spec.parse({}), (), seen.logins, since=seen.window_start, until=seen.now)
    assert {"known_user", "known_address"} <= set(shown)
    assert {"attack", "legitimate"}.isdisjoint(shown)


def test_every_action_can_be_replayed_on_an_empty_hour() -> None:
    seen = case(OFFICE, known=None)
    for mitigation in actions().values():
        spec = mitigation.spec
        radius = estimate(spec, spec.parse({}), (), seen.logins, since=seen.window_start, until=seen.now)
        assert radius.attack_events == radius.legitimate_hit == 0
