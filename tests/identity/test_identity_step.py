"""An approved step at an identity provider is examined afresh, with facts of this moment, and then done."""

from datetime import UTC, datetime, timedelta

from spine.decision.plan_hash import of_decision
from spine.ids import derive
from spine.incident import IncidentKind
from spine.lease import LeaseState
from spine.plan import Decision, Gate, Verb
from spine.severity import Severity
from store import decisions
from tasks.mitigating import StepResult, mitigate_step


def carried_out(ledger, step) -> StepResult:
    """The step as the only one of a stored plan that needs nobody's approval, executed now."""
    now = ledger.clock.now()
    step = step.model_copy(update={"gate": Gate.ALLOW})
    draft = Decision(
        decision_id=derive("decision", ledger.tenant, step.action_key), incident_id=ledger.incident,
        type=IncidentKind.FAILED_LOGINS_SPIKE, tenant=ledger.tenant, environment="prod", decision=Verb.MITIGATE,
        severity=Severity.HIGH, severity_label="high", confidence=0.9, confidence_factors=(), steps=(step,),
        policy_version="1", ruleset_version="1", plan_hash="", created_at=now, expires_at=now + timedelta(minutes=15),
    )  # fmt: skip
    decision = draft.model_copy(update={"plan_hash": of_decision(draft)})
    with ledger.database.system() as connection:
        decisions.save(connection, decision)
    return mitigate_step(ledger.database, ledger.settings, decision, step, fence=0, now=now)


def test_a_step_whose_guards_hold_is_done(start, at) -> None:
    double = start("okta")
    ledger = at(double)
    result = carried_out(ledger, ledger.step("user.lock_temp", "ada"))
    assert result.because == ""
    assert result.lease.state is LeaseState.ACTIVE
    assert double.locked("ada")


def test_a_revocation_runs_at_the_version_of_its_flag_that_was_planned_with(start, at) -> None:
    double = start("okta")
    ledger = at(double)
    double.now = lambda: datetime.now(UTC)
    planned = {"flag_key": "auth.session.notBefore", "expected_version": 0}
    result = carried_out(ledger, ledger.step("session.revoke_user", "ada").model_copy(update=planned))
    assert result.lease.state is LeaseState.ACTIVE
    assert double.sessions("ada") == 0


def test_what_became_of_the_administrators_since_the_plan_counts(start, at) -> None:
    double = start("okta")
    ledger = at(double)
    double.lock_by_hand("ruth")
    result = carried_out(ledger, ledger.step("admin.role_revoke", "root"))
    assert result.lease is None
    assert "1 administrators who can log in remain, 2 must" in result.because
    assert double.writes() == []
    assert ledger.audited("action.denied")


def test_a_provider_that_does_not_answer_is_no_yes(start, at) -> None:
    double = start("okta")
    ledger = at(double)
    double.mishap = lambda method, path: (503, None, {})
    result = carried_out(ledger, ledger.step("user.lock_temp", "ada"))
    assert result.lease is None
    assert "answered 503" in result.because
    assert "refused to be safe" in result.because
