"""Routing: defaults are what they were, every rule is explained, and no critical page goes nowhere."""

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from spine.errors import Refused
from spine.hours import Hours
from spine.ids import TenantId
from spine.incident import IncidentKind
from spine.notification import PAGES, Topic
from spine.route import Destination, Rule
from spine.routing import News, default_rules, dropped, must_arrive, refuse_dropped, route, ruleset, unheard, warnings
from spine.severity import Severity

SLACK = ["slack"]
moments = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)).map(lambda m: m.replace(tzinfo=UTC))
everything = st.builds(
    News, tenant=st.sampled_from(["acme", "globex", "x"]).map(TenantId), topic=st.sampled_from(Topic),
    severity=st.sampled_from(Severity), kind=st.one_of(st.none(), st.sampled_from(IncidentKind)), at=moments,
)  # fmt: skip
labels = st.sampled_from(["info", "medium", "high", "critical"])
rules = st.builds(
    Rule, name=st.just("r"),
    to=st.lists(st.sampled_from(["slack", "slack:#sec", "email", "log"]), max_size=2).map(tuple),
    topics=st.lists(st.sampled_from(["incident.*", "approval.requested", "*"]), max_size=2).map(tuple),
    kinds=st.lists(st.sampled_from(IncidentKind), max_size=2).map(tuple),
    tenants=st.lists(st.sampled_from(["acme", "glo*"]), max_size=2).map(tuple), least=labels, most=labels,
    hours=st.one_of(st.none(), st.builds(
        Hours, days=st.sets(st.sampled_from(["mon", "fri", "sun"]), min_size=1).map(tuple),
        since=st.sampled_from([time(0), time(9), time(22)]), until=st.sampled_from([time(0), time(6), time(17)]),
        zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]),
    )), last=st.booleans(),
)  # fmt: skip


def news(topic: Topic = Topic.INCIDENT_OPENED, severity: Severity = Severity.CRITICAL, **more: object) -> News:
    values = {"tenant": TenantId("acme"), "kind": IncidentKind.FAILED_LOGINS_SPIKE,
              "at": datetime(2026, 3, 2, 12, tzinfo=UTC), **more}  # fmt: skip
    return News(topic=topic, severity=severity, **values)  # type: ignore[arg-type]


def to(given: list[Rule], about: News, modes: list[str] = SLACK) -> list[str]:
    return [str(one) for one in route(ruleset((), given, modes), about, modes).destinations]


@given(everything, st.lists(st.sampled_from(["slack", "email", "webhook", "log"]), max_size=4))
def test_without_rules_everything_goes_where_it_always_went(about: News, modes: list[str]) -> None:
    worthy = about.topic in PAGES and about.severity >= Severity.HIGH
    quiet_mail = "slack" in modes and not worthy
    expected = [mode for mode in dict.fromkeys(modes) if not (mode == "email" and quiet_mail)]
    assert to([], about, modes) == expected


@settings(max_examples=300, deadline=None)
@given(st.lists(rules, max_size=4), everything)
def test_a_critical_page_always_arrives_somewhere(given: list[Rule], about: News) -> None:
    if must_arrive(about):
        assert to(given, about) != []


@settings(max_examples=60, deadline=None)
@given(st.lists(rules, min_size=1, max_size=3), everything)
def test_rules_that_are_not_refused_never_need_the_fallback(given: list[Rule], about: News) -> None:
    written = ruleset((), given, SLACK)
    if dropped(written) == []:
        assert not route(written, about, SLACK).fallback


@settings(max_examples=150, deadline=None)
@given(st.lists(rules, max_size=4), everything)
def test_every_rule_is_explained_and_the_explanation_is_what_happens(given: list[Rule], about: News) -> None:
    found = route(ruleset((), given, SLACK), about, SLACK)
    assert len(found.readings) == len(given or default_rules(SLACK))
    assert all(reading.because for reading in found.readings)
    said = dict.fromkeys(str(d) for r in found.readings if r.matched for d in r.rule.destinations)
    assert found.fallback or list(map(str, found.destinations)) == list(said)


def test_rules_add_up_until_one_is_the_last() -> None:
    first = Rule(name="security hears of leaks", to=("slack:#sec",), kinds=(IncidentKind.TENANT_LEAK_RISK,), last=True)
    every = Rule(name="all", to=("slack", "pagerduty"))
    assert to([first, every], news()) == ["slack", "pagerduty"]
    assert to([first, every], news(kind=IncidentKind.TENANT_LEAK_RISK)) == ["slack:#sec"]


def test_hours_are_those_of_their_zone() -> None:
    office = Hours(days=("mon",), since=time(9), until=time(17), zone="Europe/Berlin")
    given = [Rule(name="office", to=("slack:#day",), hours=office), Rule(name="all", to=("pagerduty",))]
    monday = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
    assert to(given, news(at=monday)) == ["slack:#day", "pagerduty"]
    assert to(given, news(at=monday - timedelta(hours=1))) == ["pagerduty"]
    assert to(given, news(at=datetime(2026, 6, 1, 7, 30, tzinfo=UTC))) == ["slack:#day", "pagerduty"], "summer time"


@pytest.mark.parametrize(
    "given",
    [
        [Rule(name="office hours only", to=("slack",), hours=Hours(since=time(9), until=time(17)))],
        [Rule(name="quiet", last=True), Rule(name="all", to=("slack",))],
        [Rule(name="one tenant", to=("slack",), tenants=("acme",))],
        [Rule(name="mild", to=("slack",), most="high")],
        [Rule(name="not leaks", to=("slack",), kinds=(IncidentKind.JWT_VALIDATION_ERRORS,))],
        [Rule(name="acme is silent", tenants=("acme",), last=True), Rule(name="all", to=("slack",))],
    ],
    ids=lambda given: given[0].name,
)
def test_rules_that_drop_a_critical_page_are_refused(given: list[Rule]) -> None:
    with pytest.raises(Refused, match="would send a critical page nowhere"):
        refuse_dropped(ruleset((), given, SLACK), "The routes")


def test_night_and_day_together_drop_nothing() -> None:
    day, night = Hours(since=time(9), until=time(17)), Hours(since=time(17), until=time(9))
    given = [Rule(name="day", to=("slack",), hours=day), Rule(name="night", to=("pagerduty",), hours=night)]
    assert dropped(ruleset((), given, SLACK)) == []


def test_pages_that_wake_nobody_are_warned_of() -> None:
    assert "wake nobody" in warnings(ruleset((), (), ["log"]))[0]
    assert unheard(ruleset((), (), ["log", "slack"])) == []


@pytest.mark.parametrize("wrong", ["Slack", "", "slack:", "slack: x", "a b", "slack:#x\r\nBcc: y"])
def test_what_is_no_destination_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError):
        Rule(name="r", to=(wrong,))


def test_a_destination_is_read_as_it_is_written() -> None:
    assert Destination.parse("slack:#a:b") == Destination("slack", "#a:b")
    assert str(Destination("email")) == "email"
