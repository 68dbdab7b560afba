"""A confirmed leak is contained at once and stays contained; what a grant permits is nobody's incident."""

from datetime import timedelta

import pytest

from runbooks.tenant_leak_risk import CONFIRMED_BY, RUNBOOK, diagnose, propose
from spine.case import Case
from spine.case_rows import Rows, case_of
from spine.decision.engine import decide
from spine.decision.rules import Rules
from spine.diagnostic import Answer, Check, State
from spine.event_type import EventType
from spine.incident import IncidentKind
from spine.plan import PEOPLE_ONLY, Decision, Gate, Verb
from spine.settings import Settings
from tasks.mitigations import actions

LEAK = IncidentKind.TENANT_LEAK_RISK
PEACE = Rows(type=EventType.TENANT_SCOPE_OK, n=60, users=20, since=55, first_user=10)


def crossing(n: int = 1, tenant: str | None = "globex", **attributes: object) -> Rows:
    return Rows(type=EventType.TENANT_SCOPE_VIOLATION, n=n, resource_tenant_id=tenant, attributes=attributes)


def confirmed(*more: Rows, **given: object) -> Case:
    rows = (crossing(allowed=True, resource="invoice/7"), *more, PEACE)
    return case_of(LEAK, *rows, **{"detectors": (CONFIRMED_BY,), "n": 1, "margin": 1} | given)


def decided(case: Case, **settings: object) -> Decision:
    specs = {key: mitigation.spec for key, mitigation in actions().items()}
    rules = Rules.of(Settings(**{"env": "prod", **settings}))
    return decide(case, diagnose(case), RUNBOOK, specs, rules=rules, flags={})


def gates(decision: Decision) -> dict[str, Gate]:
    return {step.action_key: step.gate for step in decision.steps}


def test_one_access_that_went_through_is_cut_off_without_asking_and_isolation_waits_for_two_people() -> None:
    made = decided(confirmed())
    assert made.decision is Verb.CONTAIN
    assert gates(made) == {
        "evidence.snapshot": Gate.ALLOW, "tenant.deny_cross": Gate.ALLOW, "tenant.isolate": Gate.TWO_PERSON,
    }  # fmt: skip
    assert next(s for s in made.steps if s.action_key == "tenant.deny_cross").targets == ("globex",)


def test_containment_says_that_only_people_take_it_back() -> None:
    made = decided(confirmed())
    assert {s.stop_if for s in made.steps if s.ttl} == {PEOPLE_ONLY}
    assert made.rollback_plan is not None
    assert (made.rollback_plan.trigger, made.rollback_plan.deadline) == (PEOPLE_ONLY, None)


def test_denied_attempts_ask_before_anything_is_cut_off() -> None:
    made = decided(case_of(LEAK, crossing(6, allowed=False), crossing(4, "initech", allowed=False), PEACE, n=10))
    assert gates(made)["tenant.deny_cross"] is Gate.APPROVE
    assert "tenant.isolate" not in gates(made)


def test_an_access_that_does_not_say_whether_it_went_through_is_no_proof() -> None:
    found = diagnose(case_of(LEAK, crossing(2, None), PEACE, n=2))
    assert not found.cause_confirmed
    assert len(found.missing) == 3


def test_a_granted_access_is_no_crossing_and_granted_helpers_speak_against_it() -> None:
    helper = [crossing(8, allowed=True, granted=True), crossing(4, allowed=False)]
    found = diagnose(case_of(LEAK, *helper, PEACE))
    assert (found.numbers["crossings"], found.cause_confirmed) == (4, False)
    assert [c.name for c in found.confounders] == ["granted helpers"]


@pytest.mark.parametrize(("state", "least"), [(State.BAD, 1.0), (State.OK, 0.25), (State.UNKNOWN, 0.5)])
def test_the_isolation_probe_confirms_or_doubts(state: State, least: float) -> None:
    answer = Answer("tenant_isolation", (Check("read", state, "as told"),))
    assert diagnose(case_of(LEAK, crossing(6, allowed=False), PEACE, answers=[answer])).confirmation == least


def test_another_tenants_cache_entry_leads_past_the_cache_where_the_origin_can_bear_it() -> None:
    case = confirmed(crossing(allowed=True, cache_owner_tenant_id="initech"))
    assert "cache.disable_shared" in {s.action_key for s in decided(case).denied}
    assert "cache.disable_shared" in gates(decided(case, policy={"origin_headroom": 0.5}))


def test_an_access_nobody_named_a_tenant_of_cannot_be_cut_off_by_name() -> None:
    case = case_of(LEAK, crossing(1, None, allowed=True), PEACE, detectors=(CONFIRMED_BY,), n=1, margin=1)
    assert [p.action_key for p in propose(case, diagnose(case))] == ["evidence.snapshot", "tenant.isolate"]


def test_not_one_mismatch_is_let_pass_for_an_hour() -> None:
    verify = decided(confirmed()).verify
    assert verify is not None
    assert (verify.max_failures_per_window, verify.hold) == (0, timedelta(hours=1))


def test_an_unreadable_case_is_still_contained() -> None:
    seen = Case.of(
        confirmed().incident, confirmed().findings, now=confirmed().now, logins=None, known_users=None,
        known_addresses=None, watermark=None,
    )  # fmt: skip
    found = diagnose(seen)
    assert found.cause_confirmed
    assert [p.action_key for p in propose(seen, found)] == ["evidence.snapshot", "tenant.isolate"]
