"""What a drill looks at: each thing that is not as declared is told, and costs its share."""

from dataclasses import replace
from typing import Any

import pytest

from spine.drill import Drill, Expected
from spine.drill_score import Seen, judge, score
from spine.incident import IncidentKind
from spine.plan import Gate, Verb
from spine.severity import Severity
from spine.verdict import Outcome

KIND = IncidentKind.FAILED_LOGINS_SPIKE
WANTED = Expected(
    severity=Severity.HIGH,
    steps={"captcha.require": Gate.ALLOW, "ip.throttle": Gate.APPROVE},
    flags={"auth.captcha.required": "on", "auth.ipThrottle.enabled": "on"},
    denied=frozenset({"ip.block"}),
    spared=frozenset({"198.51.100.7", "somebody"}),
)
DRILL = Drill(name="d", title="t", script=lambda _: [], expected=WANTED)
QUIET = Drill(name="q", title="t", script=lambda _: [], expected=None)
GOOD = Seen(
    kinds=frozenset({KIND}), severity=Severity.HIGH, verb=Verb.MITIGATE, steps=WANTED.steps, flags=WANTED.flags,
    denied=frozenset({"ip.block", "rate_limit.strict"}), targets=frozenset({"203.0.113.0/24", "else"}),
    ran=frozenset(WANTED.steps), verdict=Outcome.FIXED,
)  # fmt: skip


def test_a_drill_that_is_as_declared_passes_whole() -> None:
    found = judge(DRILL, KIND, GOOD)
    assert [one.name for one in found if not one.passed] == []
    assert score(found) == 1.0


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("type", {"kinds": frozenset({KIND, IncidentKind.TENANT_LEAK_RISK})}),
        ("severity", {"severity": Severity.CRITICAL}),
        ("decision", {"verb": Verb.MONITOR}),
        ("steps and gates", {"steps": {**WANTED.steps, "ip.throttle": Gate.ALLOW}}),
        ("steps and gates", {"steps": {**WANTED.steps, "ip.block": Gate.APPROVE}}),
        ("steps and gates", {"steps": {"captcha.require": Gate.ALLOW}}),
        ("denied", {"denied": frozenset({"rate_limit.strict"})}),
        ("spared", {"targets": frozenset({"198.51.100.0/24"})}),
        ("spared", {"targets": frozenset({"somebody"})}),
        ("gates hold", {"unasked": ("ip.throttle",)}),
        ("flags", {"flags": {"auth.captcha.required": "on"}}),
        ("no external call", {"calls": ("ip.throttle told the webhook",)}),
        ("verification", {"verdict": Outcome.INCONCLUSIVE}),
        ("verification", {"verdict": None}),
        ("rollback", {"held_on": ("lease of ip.throttle",)}),
        ("rollback", {"moved_flags": ("base of auth.captcha.required",)}),
    ],
)
def test_whatever_is_not_as_declared_fails_by_its_name(name: str, change: dict[str, Any]) -> None:
    found = judge(DRILL, KIND, replace(GOOD, **change))
    assert [one.name for one in found if not one.passed] == [name]
    assert 0 < score(found) < 1


def test_a_positive_drill_that_opens_nothing_fails_whole() -> None:
    found = judge(DRILL, KIND, Seen(kinds=frozenset()))
    assert score(found) == 0.0


def test_other_kinds_may_open_where_the_drill_says_so() -> None:
    also = replace(DRILL, expected=replace(WANTED, also=frozenset({IncidentKind.TENANT_LEAK_RISK})))
    both = replace(GOOD, kinds=frozenset({KIND, IncidentKind.TENANT_LEAK_RISK}))
    assert score(judge(also, KIND, both)) == 1.0
    assert score(judge(also, KIND, GOOD)) < 1.0


@pytest.mark.parametrize(
    ("kinds", "passed"),
    [(frozenset(), True), (frozenset({KIND}), False), (frozenset({IncidentKind.TENANT_LEAK_RISK}), False)],
)
def test_a_negative_drill_passes_when_nothing_at_all_opened(kinds: frozenset[IncidentKind], passed: bool) -> None:
    (only,) = judge(QUIET, KIND, Seen(kinds=kinds))
    assert only.passed is passed
