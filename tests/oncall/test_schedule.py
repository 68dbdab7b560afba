"""Schedules: somebody is on call at every moment, handovers are where the wall clock says, through every DST change."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from spine.hours import Hours
from spine.oncall.schedule import Layer, Override, Schedule, duty, gaps, handovers, on_call

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"]
"""Lord Howe changes by half an hour; Apia skipped a day, long ago."""
EDGES = [
    datetime.fromisoformat(text)
    for text in (
        "2026-03-29T01:00Z", "2026-10-25T01:00Z", "2026-03-08T07:00Z", "2026-11-01T06:00Z", "2026-04-04T15:00Z",
        "2026-10-03T15:30Z",
    )
]  # fmt: skip

layers = st.builds(
    Layer,
    name=st.just("layer"),
    people=st.lists(st.sampled_from(["ann", "bob", "eve", "joe"]), min_size=1, max_size=4, unique=True).map(tuple),
    shift_hours=st.sampled_from([1, 2, 5, 8, 12, 24, 36, 48, 168, 336]),
    handover=st.times().map(lambda t: t.replace(microsecond=0, second=0)),
    start=st.dates(date(2025, 1, 1), date(2026, 1, 1)),
)
zones = st.sampled_from(ZONES)
near_edges = st.builds(lambda edge, minutes: edge + timedelta(minutes=minutes), st.sampled_from(EDGES),
                       st.integers(-3000, 3000))  # fmt: skip


def weekly(*people: str, **more: object) -> Layer:
    values = {"name": "week", "people": people, "handover": time(9), "start": date(2026, 3, 2), **more}
    return Layer.model_validate(values)


@given(layers, zones, near_edges)
def test_somebody_is_on_call_at_every_moment_once_it_began(layer: Layer, zone: str, at: datetime) -> None:
    assert len(on_call(Schedule(name="s", zone=zone, layers=(layer,)), at)) == 1


@given(layers, zones, near_edges)
def test_a_turn_begins_before_it_is_served_and_ends_after(layer: Layer, zone: str, at: datetime) -> None:
    turn = layer.turn(at, zone)
    assert layer.begins(turn, zone) <= at < layer.begins(turn + 1, zone)


@given(layers, zones, near_edges)
def test_who_is_on_call_does_not_depend_on_the_zone_the_question_is_asked_in(
    layer: Layer, zone: str, at: datetime
) -> None:
    schedule = Schedule(name="s", zone=zone, layers=(layer,))
    assert on_call(schedule, at) == on_call(schedule, at.astimezone(ZoneInfo("Asia/Tokyo")))


@settings(max_examples=60, deadline=None)
@given(layers, zones, near_edges)
def test_nothing_changes_between_two_handovers_and_something_at_each(layer: Layer, zone: str, at: datetime) -> None:
    schedule, until = Schedule(name="s", zone=zone, layers=(layer,)), at + timedelta(days=10)
    changes = [change for _, change in zip(range(6), handovers(schedule, at, until), strict=False)]
    known, moment = on_call(schedule, at), at
    for change in changes:
        assert on_call(schedule, change.at - timedelta(seconds=1)) == known == change.leaves
        middle = moment + (change.at - moment) / 2
        assert on_call(schedule, middle) == known
        known, moment = change.comes, change.at
        assert on_call(schedule, change.at) == known != change.leaves


@given(layers.filter(lambda x: x.shift_hours % 24 == 0), zones, near_edges)
def test_days_and_weeks_hand_over_when_the_wall_clock_says_so(layer: Layer, zone: str, at: datetime) -> None:
    begins = layer.begins(layer.turn(at, zone), zone).astimezone(ZoneInfo(zone))
    wall = datetime.combine(begins.date(), layer.handover)
    exists = wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) == wall
    assert begins.time() == layer.handover or not exists


@pytest.mark.parametrize(
    ("at", "who"),
    [
        ("2026-03-29T07:59:59+02:00", "ann"),
        ("2026-03-29T08:00:00+02:00", "bob"),
        ("2026-10-25T07:59:59+01:00", "ann"),
        ("2026-10-25T08:00:00+01:00", "bob"),
    ],
    ids=["before-spring", "after-spring", "before-autumn", "after-autumn"],
)
def test_a_daily_handover_keeps_its_hour_on_the_days_the_clocks_change(at: str, who: str) -> None:
    moment = datetime.fromisoformat(at)
    start = moment.date() - timedelta(days=3)  # a day of 23 or 25 hours lies between
    layer = Layer(name="day", people=("bob", "ann"), shift_hours=24, handover=time(8), start=start - timedelta(days=1))
    assert on_call(Schedule(name="s", zone="Europe/Berlin", layers=(layer,)), moment) == (who,)


def test_a_handover_in_the_hour_that_is_skipped_happens_right_after_it() -> None:
    layer = Layer(name="day", people=("ann", "bob"), shift_hours=24, handover=time(2, 30), start=date(2026, 3, 28))
    assert layer.begins(1, "Europe/Berlin") == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    schedule = Schedule(name="s", zone="Europe/Berlin", layers=(layer,))
    assert on_call(schedule, datetime(2026, 3, 29, 1, 29, 59, tzinfo=UTC)) == ("ann",)
    assert on_call(schedule, datetime(2026, 3, 29, 3, 30, tzinfo=BERLIN)) == ("bob",)


def test_the_hour_that_comes_twice_hands_over_once() -> None:
    layer = Layer(name="day", people=("ann", "bob"), shift_hours=24, handover=time(2, 30), start=date(2026, 10, 24))
    schedule = Schedule(name="s", zone="Europe/Berlin", layers=(layer,))
    day = datetime(2026, 10, 24, 12, tzinfo=UTC)
    assert [change.at for change in handovers(schedule, day, day + timedelta(days=1))] == [
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    ]


def test_twelve_hours_keep_to_the_wall_and_thirty_six_to_the_seconds() -> None:
    night = datetime(2026, 3, 29, 12, tzinfo=UTC)
    twelve = Layer(name="half", people=("ann", "bob"), shift_hours=12, handover=time(8), start=date(2026, 3, 1))
    long = twelve.model_copy(update={"shift_hours": 36})
    assert twelve.begins(twelve.turn(night, "Europe/Berlin"), "Europe/Berlin").astimezone(BERLIN).hour == 8
    lengths = {long.begins(n + 1, "Europe/Berlin") - long.begins(n, "Europe/Berlin") for n in range(40)}
    assert lengths == {timedelta(hours=36)}


def test_the_last_layer_that_has_somebody_decides_and_an_override_over_all() -> None:
    office = Hours(days=("mon", "tue", "wed", "thu", "fri"), since=time(9), until=time(17), zone="Europe/Berlin")
    base, day = weekly("ann", "bob"), weekly("eve", name="office", hours=office)
    noon = datetime(2026, 3, 3, 12, tzinfo=BERLIN)
    stands_in = Override(people=("joe",), starts_at=noon, ends_at=noon + timedelta(hours=1), reason="dentist")
    schedule = Schedule(name="s", zone="Europe/Berlin", layers=(base, day), overrides=(stands_in,))
    assert duty(schedule, noon).because == "override"
    assert on_call(schedule, noon + timedelta(hours=1)) == ("eve",)
    assert on_call(schedule, noon + timedelta(hours=5)) == ("ann",)
    assert on_call(schedule, noon + timedelta(days=9)) == ("eve",)
    assert on_call(schedule, noon + timedelta(days=9, hours=6)) == ("bob",)


def test_the_later_of_two_overrides_counts() -> None:
    noon = datetime(2026, 3, 3, 12, tzinfo=UTC)
    one, two = (Override(people=(who,), starts_at=noon, ends_at=noon + timedelta(hours=2)) for who in ("joe", "eve"))
    assert on_call(Schedule(name="s", zone="UTC", layers=(weekly("ann"),), overrides=(one, two)), noon) == ("eve",)


def test_hours_without_anybody_are_found() -> None:
    office = Hours(days=("mon",), since=time(9), until=time(17))
    schedule = Schedule(name="s", zone="UTC", layers=(weekly("ann", hours=office),))
    monday = datetime(2026, 3, 2, tzinfo=UTC)
    assert gaps(schedule, monday, monday + timedelta(days=1)) == [
        (monday, monday + timedelta(hours=9)), (monday + timedelta(hours=17), monday + timedelta(days=1)),
    ]  # fmt: skip


def test_nobody_is_on_call_before_the_first_turn() -> None:
    assert on_call(Schedule(name="s", zone="UTC", layers=(weekly("ann"),)), datetime(2026, 3, 2, 8, tzinfo=UTC)) == ()


def test_a_shift_may_be_shared() -> None:
    layer = weekly("ann", people=(("ann", "bob"), "eve"))
    schedule = Schedule(name="s", zone="UTC", layers=(layer,))
    assert on_call(schedule, datetime(2026, 3, 3, tzinfo=UTC)) == ("ann", "bob")


@pytest.mark.parametrize(
    "wrong",
    [{"people": ()}, {"shift_hours": 0}, {"handover": "25:00"}, {"start": "0001-01-01"}, {"handover": "09:00+02:00"}],
    ids=str,
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        weekly("ann", **wrong)


nights = st.builds(Hours, days=st.sets(st.sampled_from(["mon", "wed", "sun"]), min_size=1).map(tuple),
                   since=st.times().map(lambda t: t.replace(microsecond=0)),
                   until=st.times().map(lambda t: t.replace(microsecond=0)), zone=zones)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(nights, near_edges)
def test_hours_change_at_their_edges_only(hours: Hours, at: datetime) -> None:
    edges = hours.edges(at, at + timedelta(days=3))
    stretches = [at, *edges]
    for first, second in pairwise(stretches):
        if second - first > timedelta(seconds=1):
            assert hours.holds(first + timedelta(microseconds=1)) == hours.holds(second - timedelta(microseconds=1))
