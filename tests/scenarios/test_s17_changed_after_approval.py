"""Scenario 17: parameters, targets, flag versions or the plan itself change after approval; the approval is void."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from runbooks import catalogue
from spine.case import Case
from spine.case_example import NOW, Crowd, case, incident
from spine.decision.engine import decide
from spine.decision.recheck import recheck
from spine.decision.rules import FlagState, Rules
from spine.incident import IncidentKind, IncidentStatus
from spine.plan import Decision, Gate, Step
from spine.settings import PolicySettings, Settings
from tasks.mitigations import actions

ATTACK = Crowd(addresses=20, users=200, tries=3, hostile=True)
OFFICE = Crowd(addresses=1, users=40, tries=1, network="198.51.100", first_user=1000)
FLAG = "auth.ipThrottle.enabled"
SPECS = {key: mitigation.spec for key, mitigation in actions().items()}
RULES = Rules.of(Settings(env="prod"))
SOON = NOW + timedelta(minutes=1)


@pytest.fixture(scope="module")
def decision() -> Decision:
    """A plan whose throttle was approved at flag version 3."""
    book, seen = catalogue()[IncidentKind.FAILED_LOGINS_SPIKE], case(ATTACK, OFFICE)
    return decide(seen, book.diagnose(seen), book, SPECS, rules=RULES, flags={FLAG: FlagState(version=3, value="off")})


def throttle(decision: Decision) -> Step:
    return next(s for s in decision.steps if s.action_key == "ip.throttle")


def reasons(decision: Decision, step: Step, **changes: Any) -> list[str]:
    given = {
        "fresh": case(ATTACK, OFFICE, now=SOON),
        "actions": SPECS,
        "rules": RULES,
        "flags": {FLAG: FlagState(version=3, value="off")},
        "now": SOON,
    }
    return recheck(decision, step, **{**given, **changes})


def test_s17_an_unchanged_plan_runs(decision: Decision) -> None:
    assert reasons(decision, throttle(decision)) == []


def test_s17_counts_that_moved_on_void_nothing(decision: Decision) -> None:
    worse = case(replace(ATTACK, tries=9), OFFICE, now=SOON)
    assert reasons(decision, throttle(decision), fresh=worse) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({"params": {"per_minute": 0.5}}, "parameters changed", id="parameters"),
        pytest.param({"targets": ("198.51.100.0/24",)}, "targets changed", id="targets"),
        pytest.param({"ttl": timedelta(minutes=90)}, "time to live changed", id="time to live"),
        pytest.param({"action_key": "ip.block"}, "action changed", id="action"),
        pytest.param({"expected_version": 4}, "expected version changed", id="expected version"),
        pytest.param({"order": 99}, "not part of the plan", id="order"),
    ],
)
def test_s17_a_step_other_than_the_one_approved_does_not_run(
    decision: Decision, change: dict[str, Any], reason: str
) -> None:
    found = reasons(decision, throttle(decision).model_copy(update=change))
    assert any(reason in r for r in found), found


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({"flags": {FLAG: FlagState(version=4, value="off")}}, "version 4", id="flag edited"),
        pytest.param({"flags": {}}, "version 0", id="flag removed"),
        pytest.param({"now": NOW + timedelta(minutes=15)}, "expired", id="at the very deadline"),
        pytest.param({"actions": {}}, "no action", id="action withdrawn"),
        pytest.param({"fresh": case(ATTACK, OFFICE, known=None)}, "legitimate_hit", id="look-up failed"),
        pytest.param(
            {"rules": Rules.of(Settings(policy=PolicySettings(allowlist=["203.0.113.0/28"])))},
            "not_allowlisted",
            id="target allowlisted meanwhile",
        ),
        pytest.param(
            {"rules": Rules.of(Settings(policy=PolicySettings(max_ttl_seconds=60)))}, "bounds", id="bounds tightened"
        ),
        pytest.param(
            {"fresh": case(ATTACK, OFFICE, about=replace(incident(), tenant_id="t2"))}, "another", id="other tenant"
        ),
    ],
)
def test_s17_a_world_that_changed_voids_the_approval(decision: Decision, change: dict[str, Any], reason: str) -> None:
    found = reasons(decision, throttle(decision), **change)
    assert any(reason in r for r in found), found


@pytest.mark.parametrize("status", [IncidentStatus.RESOLVED, IncidentStatus.ROLLING_BACK, IncidentStatus.ESCALATED])
def test_s17_an_incident_that_ended_wants_no_action(decision: Decision, status: IncidentStatus) -> None:
    ended = case(ATTACK, OFFICE, about=incident(status=status))
    assert any("ended" in r for r in reasons(decision, throttle(decision), fresh=ended))


def test_s17_a_target_that_became_somebody_we_know_breaches_the_cap(decision: Decision) -> None:
    everybody = Crowd(addresses=20, users=40, tries=30, first_user=1000)
    moved: Case = case(everybody, OFFICE, now=SOON)
    assert any("cap" in r for r in reasons(decision, throttle(decision), fresh=moved))


CHANGES: list[Callable[[Decision], dict[str, Any]]] = [
    lambda d: {"ruleset_version": "FAILED_LOGINS_SPIKE/other"},
    lambda d: {"policy_version": "other"},
    lambda d: {"environment": "dev"},
    lambda d: {"tenant": "t2"},
    lambda d: {"expires_at": d.expires_at + timedelta(hours=1)},
    lambda d: {"evidence": d.evidence[1:]},
    lambda d: {"evidence": (d.evidence[0].model_copy(update={"sha256": "0" * 64}), *d.evidence[1:])},
    lambda d: {"verify": d.verify.model_copy(update={"max_failures_per_window": 1e6})},
    lambda d: {"steps": tuple(s.model_copy(update={"gate": Gate.ALLOW}) for s in d.steps)},
    lambda d: {"steps": tuple(s.model_copy(update={"targets": ("198.51.100.1/32",)}) for s in d.steps)},
    lambda d: {"steps": tuple(s.model_copy(update={"blast_radius": None}) for s in d.steps)},
    lambda d: {"steps": tuple(s.model_copy(update={"expected_version": 9}) for s in d.steps)},
]


@pytest.mark.parametrize("change", CHANGES)
def test_s17_whatever_the_approver_signed_cannot_change_unseen(
    decision: Decision, change: Callable[[Decision], dict[str, Any]]
) -> None:
    forged = decision.model_copy(update=change(decision))
    assert any("signed" in r for r in reasons(forged, throttle(forged)))
