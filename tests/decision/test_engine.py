"""The decision engine: what it answers, what it proposes behind which gate, and what it refuses to do."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from spine.action import ActionSpec
from spine.case_example import NOW, Crowd, case, incident
from spine.decision.plan_hash import of_decision
from spine.decision.rules import FlagState
from spine.plan import Decision, Gate, Risk, Step, Verb
from spine.settings import PolicySettings
from spine.severity import Severity
from spine.verdict import stop_condition

Decide = Callable[..., Decision]
ATTACK = Crowd(addresses=20, users=200, tries=3, hostile=True)
OFFICE = Crowd(addresses=1, users=40, tries=1, network="198.51.100", first_user=1000)
CAPTCHA = {"policy": PolicySettings(captcha_provider="turnstile", captcha_accessible=True)}


def step(decision: Decision, key: str) -> Step:
    return next(s for s in (*decision.steps, *decision.denied) if s.action_key == key)


def reasons(found: Step) -> dict[str, bool | None]:
    return {r.name: r.passed for r in found.guard_results}


def test_every_step_says_what_stops_it_and_that_is_what_verification_enforces(decided: Decide) -> None:
    with_captcha, without = decided(case(ATTACK, OFFICE), **CAPTCHA), decided(case(ATTACK, OFFICE))
    for decision, limit in ((with_captcha, 0.15), (without, None)):
        assert decision.verify is not None
        assert decision.rollback_plan is not None
        assert decision.verify.max_captcha_abandoned == limit
        told = {s.stop_if for s in decision.steps if s.ttl} | {decision.rollback_plan.trigger}
        assert told == {stop_condition(decision.verify)}
    tried = replace(case(ATTACK, OFFICE), tried=frozenset({"captcha.require"}))
    again = decided(tried, **CAPTCHA)
    assert again.verify is not None
    assert again.verify.max_captcha_abandoned == 0.15


def test_a_clear_attack_gets_the_ladder_in_order_each_behind_its_gate(decided: Decide) -> None:
    decision = decided(case(ATTACK, OFFICE), **CAPTCHA)
    assert decision.decision is Verb.MITIGATE
    assert [s.action_key for s in decision.steps if s.action_key != "evidence.snapshot"] == [
        "rate_limit.strict", "captcha.require", "ip.throttle",
    ]  # fmt: skip
    assert [s.gate for s in decision.steps if s.reversible] == [Gate.ALLOW, Gate.ALLOW, Gate.APPROVE]
    assert [s.order for s in decision.steps] == [1, 2, 3, 4]
    assert decision.denied == ()


def test_the_block_waits_for_a_critical_incident_or_a_throttle_that_was_not_enough(decided: Decide) -> None:
    assert "ip.block" not in {s.action_key for s in decided(case(ATTACK, OFFICE)).steps}
    critical = decided(case(ATTACK, OFFICE, severity=Severity.CRITICAL))
    assert step(critical, "ip.block").gate is Gate.APPROVE
    assert critical.decision is Verb.MITIGATE
    again = decided(case(ATTACK, OFFICE, tried=["rate_limit.strict", "ip.throttle"]))
    assert "ip.block" in {s.action_key for s in again.steps}
    assert "ip.throttle" not in {s.action_key for s in again.steps}


def test_same_inputs_same_decision_and_other_inputs_another(decided: Decide) -> None:
    first, second = decided(case(ATTACK, OFFICE)), decided(case(ATTACK, OFFICE))
    assert first == second
    later = decided(case(ATTACK, OFFICE, now=NOW + timedelta(seconds=1)))
    assert later.decision_id != first.decision_id
    assert later.plan_hash != first.plan_hash


def test_a_decision_survives_storage(decided: Decide) -> None:
    decision = decided(case(ATTACK, OFFICE))
    again = Decision.model_validate_json(decision.model_dump_json(by_alias=True))
    assert again == decision
    assert of_decision(again) == decision.plan_hash


def test_confidence_adds_up_from_named_parts(decided: Decide) -> None:
    decision = decided(case(ATTACK, OFFICE, margin=1.2))
    values = {f.name: f.value for f in decision.confidence_factors}
    assert values == {
        "rule margin": 0.21, "independent signals": 0.25, "sample": 0.2, "diagnostic confirmation": 0.2,
    }  # fmt: skip
    assert decision.confidence == 0.86


def test_confounders_weigh_against_it_but_not_beyond_their_limit(decided: Decide) -> None:
    broken = Crowd(addresses=60, users=600, tries=2, network="192.0.2", first_user=5000, fails=True)
    decision = decided(case(ATTACK, OFFICE, broken))
    against = [f.value for f in decision.confidence_factors if f.name.startswith("confounder")]
    assert against
    assert -0.4 <= sum(against) < 0


def test_under_automatic_confidence_everything_asks(decided: Decide) -> None:
    decision = decided(case(ATTACK, OFFICE), decision={"automatic_confidence": 1.01})
    assert decision.steps
    assert all(s.gate >= Gate.APPROVE for s in decision.steps)


def test_under_proposal_confidence_nothing_is_proposed_and_it_says_why(decided: Decide) -> None:
    decision = decided(case(ATTACK, OFFICE), decision={"propose_confidence": 1.01}, **CAPTCHA)
    assert (decision.decision, decision.steps) == (Verb.MONITOR, ())
    assert all(reasons(s)["confidence"] is False for s in decision.denied)
    assert decision.recommended_flags == ()
    assert decision.rollback_plan is None


def test_without_a_finding_the_evidence_is_insufficient(decided: Decide) -> None:
    seen = case(OFFICE)
    decision = decided(replace(seen, findings=()))
    assert (decision.decision, decision.steps) == (Verb.INSUFFICIENT_EVIDENCE, ())
    assert "no detector has fired" in decision.missing_evidence


def test_an_incident_of_no_weight_gets_no_action(decided: Decide) -> None:
    decision = decided(case(ATTACK, OFFICE, severity=Severity.INFO))
    assert (decision.decision, decision.steps) == (Verb.NO_ACTION, ())


def test_findings_under_their_line_get_no_action(decided: Decide) -> None:
    assert decided(case(ATTACK, OFFICE, margin=0.9)).decision is Verb.NO_ACTION


def test_a_window_without_events_is_missing_evidence(decided: Decide) -> None:
    silent = replace(case(ATTACK, OFFICE), watermark=NOW - timedelta(minutes=16))
    assert any("incomplete" in m for m in decided(silent).missing_evidence)
    assert any("unknown" in m for m in decided(replace(silent, watermark=None)).missing_evidence)


def test_a_suppression_window_leaves_nothing_automatic(decided: Decide) -> None:
    quiet = replace(incident(), suppressed_by=UUID(int=1))
    decision = decided(case(ATTACK, OFFICE, about=quiet))
    assert all(s.gate >= Gate.APPROVE for s in decision.steps if s.action_key != "evidence.snapshot")


def test_a_success_after_the_attack_cannot_be_suppressed(decided: Decide) -> None:
    quiet = replace(incident(), suppressed_by=UUID(int=1))
    broken_in = replace(ATTACK, let_in=30)
    decision = decided(case(broken_in, OFFICE, about=quiet))
    assert step(decision, "rate_limit.strict").gate is Gate.ALLOW


def test_a_guard_that_fails_denies_its_step_and_no_other(decided: Decide) -> None:
    decision = decided(case(ATTACK, OFFICE))  # no captcha provider
    assert [s.action_key for s in decision.denied] == ["captcha.require"]
    assert reasons(decision.denied[0])["captcha_ready"] is False
    assert step(decision, "ip.throttle") in decision.steps


def test_what_would_hit_people_is_denied_and_said_with_numbers(
    decided: Decide, specs: dict[str, ActionSpec[Any]], everything_blocked: ActionSpec[Any]
) -> None:
    decision = decided(case(ATTACK, OFFICE), actions={**specs, "ip.throttle": everything_blocked})
    denied = step(decision, "ip.throttle")
    assert denied.gate is Gate.DENY
    assert denied.blast_radius is not None
    assert denied.blast_radius.legitimate_hit == 40
    assert {"legitimate_hit": False, "cap": False}.items() <= reasons(denied).items()


def test_an_action_nobody_knows_is_denied(decided: Decide, specs: dict[str, ActionSpec[Any]]) -> None:
    without = {key: spec for key, spec in specs.items() if key != "ip.throttle"}
    decision = decided(case(ATTACK, OFFICE), actions=without)
    assert reasons(step(decision, "ip.throttle")) == {"registry": False}


def test_when_all_help_is_denied_a_bad_incident_goes_to_people(
    decided: Decide, specs: dict[str, ActionSpec[Any]]
) -> None:
    decision = decided(
        case(ATTACK, OFFICE), actions={"evidence.snapshot": replace(specs["evidence.snapshot"], harmless=True)}
    )
    assert decision.decision is Verb.ESCALATE
    mild = decided(case(ATTACK, OFFICE, severity=Severity.MEDIUM), actions={})
    assert mild.decision is Verb.MONITOR


def test_containment_is_called_so(decided: Decide, specs: dict[str, ActionSpec[Any]]) -> None:
    cut_off = replace(specs["ip.throttle"], containment=True)
    assert decided(case(ATTACK, OFFICE), actions={**specs, "ip.throttle": cut_off}).decision is Verb.CONTAIN


def test_reaching_more_tenants_needs_more_people(decided: Decide) -> None:
    gates = [step(decided(case(ATTACK, OFFICE), tenants=n), "ip.throttle").gate for n in (1, 5, None)]
    assert gates == [Gate.APPROVE, Gate.TWO_PERSON, Gate.TWO_PERSON]


def test_flags_come_with_the_version_the_plan_was_made_at(decided: Decide) -> None:
    decision = decided(case(ATTACK, OFFICE), flags={"auth.ipThrottle.enabled": FlagState(version=7, value="off")})
    change = next(f for f in decision.recommended_flags if f.key == "auth.ipThrottle.enabled")
    assert (change.from_value, change.to_value, change.expected_version) == ("off", "on", 7)
    assert change.ttl == step(decision, "ip.throttle").ttl


def test_rollback_is_newest_first_and_has_a_deadline(decided: Decide) -> None:
    plan = decided(case(ATTACK, OFFICE)).rollback_plan
    assert plan is not None
    assert [line.split()[1].rstrip(",") for line in plan.steps] == ["ip.throttle", "rate_limit.strict"]
    assert plan.deadline == NOW + timedelta(minutes=15 + 60)


def test_settings_shorten_leases_and_never_lengthen_them(decided: Decide) -> None:
    policy = PolicySettings(min_ttl_seconds=30, max_ttl_seconds=120, ttl_seconds={"ip.throttle": 45})
    decision = decided(case(ATTACK, OFFICE), policy=policy)
    assert step(decision, "ip.throttle").ttl == timedelta(seconds=45)
    assert step(decision, "rate_limit.strict").ttl == timedelta(seconds=120)
    longer = PolicySettings(max_ttl_seconds=1e9, ttl_seconds={"ip.block": 1e9})
    block = step(decided(case(ATTACK, OFFICE, severity=Severity.CRITICAL), policy=longer), "ip.block")
    assert block.ttl == timedelta(minutes=240)


def test_evidence_has_a_receipt_per_finding_and_for_the_replay(decided: Decide) -> None:
    decision = decided(case(ATTACK, OFFICE))
    assert [e.source.split("/")[0] for e in decision.evidence] == ["finding"] * 3 + ["events"]
    assert len({e.sha256 for e in decision.evidence}) == 4
    other = decided(case(replace(ATTACK, users=199), OFFICE))
    assert {e.sha256 for e in decision.evidence}.isdisjoint(e.sha256 for e in other.evidence)


def test_a_thousand_findings_share_a_receipt_that_covers_each_of_them(decided: Decide) -> None:
    seen = case(ATTACK, OFFICE)
    many = tuple(replace(seen.findings[0], subject=f"address:{i}", margin=2 + i / 1000) for i in range(1000))
    first = decided(replace(seen, findings=many))
    assert len(first.evidence) == 42
    weakest = replace(many[0], n=many[0].n + 1)
    other = decided(replace(seen, findings=(weakest, *many[1:])))
    assert first.plan_hash != other.plan_hash
    changed = {e.sha256 for e in first.evidence} - {e.sha256 for e in other.evidence}
    assert len(changed) == 1


@pytest.mark.parametrize(
    ("key", "params", "targets", "problem"),
    [
        ("ip.throttle", {"per_minute": 0.01}, ("203.0.113.0/24",), "per_minute"),
        ("ip.throttle", {"speed": 1}, ("203.0.113.0/24",), "speed"),
        ("ip.throttle", {}, ("203.0.0.0/16",), "wider"),
        ("ip.throttle", {}, ("2001:db8::/32",), "wider"),
        ("ip.throttle", {}, ("everyone",), "no network"),
        ("ip.throttle", {}, (), "at least one target"),
        ("ip.throttle", {}, tuple(f"203.0.{i}.0/24" for i in range(51)), "at most 50"),
        ("rate_limit.strict", {}, ("203.0.113.0/24",), "takes no targets"),
    ],
)
def test_bounds(
    specs: dict[str, ActionSpec[Any]], key: str, params: dict[str, Any], targets: tuple[str, ...], problem: str
) -> None:
    spec = specs[key]
    assert spec.ttl is not None
    found = spec.problems(params, targets, spec.ttl.default, PolicySettings())
    assert len(found) == 1
    assert problem in found[0]


def test_time_to_live_has_bounds_and_is_never_negative(specs: dict[str, ActionSpec[Any]]) -> None:
    spec = specs["ip.throttle"]
    for ttl in (None, timedelta(minutes=-5), timedelta(minutes=4), timedelta(days=2)):
        assert spec.problems({}, ("203.0.113.0/24",), ttl, PolicySettings())
    with pytest.raises(ValidationError):
        spec.parse({"per_minute": 11})


def test_risk_may_depend_on_parameters(specs: dict[str, ActionSpec[Any]]) -> None:
    spec = specs["captcha.require"]
    assert [spec.risk_of(spec.parse({"mode": m})) for m in ("risk", "all")] == [Risk.LOW, Risk.MEDIUM]
