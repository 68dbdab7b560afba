"""The domain in memory: from an application's own numbers to a decision."""

import subprocess
import sys
from datetime import timedelta

import pytest
from pydantic import ValidationError

from runbooks.library import SpineAnswer, run_auth_ops_spine
from spine.case_example import NOW, Crowd, logins
from spine.errors import Refused
from spine.plan import Gate, Verb
from spine.settings import Settings
from spine.severity import Severity

ATTACK = Crowd(addresses=20, users=200, tries=3, hostile=True)
OFFICE = Crowd(addresses=1, users=40, tries=1, network="198.51.100", first_user=1000)
PROD = Settings(env="prod")


def event(*crowds: Crowd, **changes: object) -> dict[str, object]:
    rows = logins(*crowds).to_dict("records")
    friends = [c for c in crowds if not c.hostile]
    snapshot = {
        "logins": rows,
        "known_users": [u for c in friends for u in c.people],
        "known_addresses": [a for c in friends for a in c.named],
        "flags": {"auth.ipThrottle.enabled": {"version": 3, "value": False}},
    }
    return {"event_id": "e1", "occurred_at": NOW, "tenant": "t1", "metrics_snapshot": {**snapshot, **changes}}


def test_an_attack_gets_steps_flags_and_a_way_back() -> None:
    answer = run_auth_ops_spine(event(ATTACK, OFFICE), settings=PROD)
    assert answer.decision.decision is Verb.MITIGATE
    throttle = next(s for s in answer.steps if s.action_key == "ip.throttle")
    assert throttle.gate is Gate.APPROVE
    change = next(f for f in answer.recommended_flags if f.key == "auth.ipThrottle.enabled")
    assert (change.from_value, change.expected_version) == (False, 3)
    assert answer.rollback_plan is not None
    assert [i.severity for i in answer.incidents] == [Severity.HIGH]


def test_the_office_behind_one_address_is_no_target() -> None:
    answer = run_auth_ops_spine(event(ATTACK, OFFICE), settings=PROD)
    targets = {t for s in answer.steps for t in s.targets}
    assert targets
    assert not any(t.startswith("198.51.100") for t in targets)


def test_the_same_event_gives_the_same_decision() -> None:
    first, second = (run_auth_ops_spine(event(ATTACK, OFFICE), settings=PROD) for _ in range(2))
    assert first.decision == second.decision


def test_an_ordinary_hour_is_no_incident() -> None:
    answer = run_auth_ops_spine(event(OFFICE), settings=PROD)
    assert answer.decision.decision is Verb.INSUFFICIENT_EVIDENCE
    assert (answer.incidents, answer.steps) == ((), ())


def test_counts_alone_open_an_incident_but_estimate_nothing() -> None:
    snapshot = {"failures_15m": 900, "successes_15m": 20, "users_15m": 300}
    answer = run_auth_ops_spine(
        {"event_id": "e2", "occurred_at": NOW, "severity_guess": 2, "metrics_snapshot": snapshot}, settings=PROD
    )
    assert len(answer.incidents) == 1
    assert answer.recommended_flags == ()
    assert any("could not be read" in m for m in answer.decision.missing_evidence)


def test_known_users_that_nobody_told_us_fail_closed() -> None:
    answer = run_auth_ops_spine(event(ATTACK, OFFICE, known_users=None), settings=PROD)
    throttle = next(s for s in answer.decision.denied if s.action_key == "ip.throttle")
    assert any(r.passed is None for r in throttle.guard_results)


def test_a_guess_raises_severity_and_never_lowers_it() -> None:
    low = run_auth_ops_spine({**event(ATTACK, OFFICE), "severity_guess": 0}, settings=PROD)
    high = run_auth_ops_spine({**event(ATTACK, OFFICE), "severity_guess": 3}, settings=PROD)
    assert (low.decision.severity, high.decision.severity) == (Severity.HIGH, Severity.CRITICAL)
    assert any(s.action_key == "ip.block" for s in (*high.steps, *high.decision.denied))


def reported(kind: str, events: list[dict[str, object]], **snapshot: object) -> SpineAnswer:
    rows = [{"occurred_at": NOW - timedelta(minutes=5), "user_id": f"u{n}", **one} for n, one in enumerate(events)]
    given = {"event_id": "e3", "occurred_at": NOW, "tenant": "t1", "incident_type": kind}
    people = {"known_users": [f"u{n}" for n in range(len(rows))], "known_addresses": []}
    return run_auth_ops_spine({**given, "metrics_snapshot": {"events": rows, **people, **snapshot}}, settings=PROD)


def test_a_leak_that_is_told_of_is_contained() -> None:
    crossed = {"type": "tenant_scope_violation", "resource_tenant_id": "globex", "attributes": {"allowed": True}}
    answer = reported("TENANT_LEAK_RISK", [crossed] + [{"type": "tenant_scope_ok"}] * 40)
    assert answer.decision.decision is Verb.CONTAIN
    assert {s.action_key: s.gate for s in answer.steps}["tenant.deny_cross"] is Gate.ALLOW


@pytest.mark.parametrize(
    ("failed", "opens"), [pytest.param(4, False, id="as every day"), pytest.param(30, True, id="far too many")]
)
def test_kinds_that_are_counted_go_by_the_floors_of_their_runbook(failed: int, opens: bool) -> None:
    events = [{"type": "oauth_callback_error"}] * failed + [{"type": "oauth_callback_ok"}] * 60
    answer = reported("OAUTH_CALLBACK_ERRORS", [{**one, "provider": "google"} for one in events])
    assert bool(answer.incidents) is opens


@pytest.mark.parametrize(
    ("change", "error"),
    [
        pytest.param({"occurred_at": NOW.replace(tzinfo=None)}, ValidationError, id="no time zone"),
        pytest.param({"tenant": "a b"}, Refused, id="tenant"),
        pytest.param({"incident_type": "WEATHER"}, ValidationError, id="unknown type"),
        pytest.param({"severity": 3}, ValidationError, id="unknown name"),
        pytest.param({"metrics_snapshot": {"logins": [{"type": "login_failed", "ip": "x"}]}}, Refused, id="bad ip"),
        pytest.param(
            {"metrics_snapshot": {"logins": [{"type": "login_failed", "tenant_id": "t2"}]}}, Refused, id="other tenant"
        ),
        pytest.param(
            {"metrics_snapshot": {"logins": [{"type": "login_failed", "occurred_at": NOW + timedelta(days=1)}]}},
            Refused,
            id="future",
        ),
    ],
)
def test_bad_input_is_refused(change: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        run_auth_ops_spine({**event(OFFICE), **change}, settings=PROD)


def test_it_needs_neither_orchestrator_nor_gateway() -> None:
    program = (
        "import sys, runbooks.library; print([m for m in ('prefect', 'fastapi', 'slack_bolt') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
