"""Scenario 13: no branch of a decision reaches a gated action without its gate."""

from dataclasses import replace
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from runbooks import catalogue
from spine.case_example import Crowd, case, incident
from spine.decision.engine import decide
from spine.decision.rules import Rules
from spine.incident import IncidentKind
from spine.plan import Decision, Gate, Risk
from spine.policy import MATRIX, Role
from spine.settings import PolicySettings, Settings
from spine.severity import Severity
from tasks.mitigations import actions

SPECS = {key: mitigation.spec for key, mitigation in actions().items()}
OFFICE = Crowd(addresses=1, users=40, tries=1, network="198.51.100", first_user=1000)


@st.composite
def decisions(draw: st.DrawFn) -> tuple[Decision, Settings]:
    """Decisions on attacks of every size, under every environment and scope, sure and unsure, suppressed and not."""
    attack = Crowd(
        addresses=draw(st.integers(1, 60)),
        users=draw(st.integers(1, 80)),
        tries=draw(st.integers(1, 4)),
        hostile=True,
        let_in=draw(st.sampled_from([0, 0, 3])),
    )
    about = incident(severity=draw(st.sampled_from(Severity)))
    seen = case(
        attack,
        OFFICE,
        about=replace(about, suppressed_by=draw(st.sampled_from([None, UUID(int=1)]))),
        margin=draw(st.sampled_from([0.5, 1.0, 1.5, 4.0])),
        known=draw(st.sampled_from([True, None])),
        tried=draw(st.sets(st.sampled_from(sorted(SPECS)), max_size=3)),
    )
    policy = PolicySettings(captcha_provider=draw(st.sampled_from(["", "x"])), captcha_accessible=True)
    given_settings = Settings(env=draw(st.sampled_from(["dev", "staging", "prod"])), policy=policy)
    rules = Rules.of(given_settings, tenants=draw(st.sampled_from([1, 4, None])))
    book = catalogue()[IncidentKind.FAILED_LOGINS_SPIKE]
    return decide(seen, book.diagnose(seen), book, SPECS, rules=rules, flags={}), given_settings


@settings(deadline=None, max_examples=60)
@given(decisions())
def test_s13_no_branch_of_a_decision_gets_around_a_gate(made: tuple[Decision, Settings]) -> None:
    decision, given_settings = made
    gates_are_the_matrix(decision, given_settings)
    guards_have_spoken(decision)
    automatic_means_sure(decision, given_settings)
    planned = [step.flag_key for step in decision.steps if step.flag_key]
    assert [change.key for change in decision.recommended_flags] == planned


def gates_are_the_matrix(decision: Decision, given_settings: Settings) -> None:
    """In production nothing above low risk is automatic, and nothing is below the engine's row."""
    if given_settings.env == "prod":
        assert all(step.gate >= MATRIX[Role.ENGINE][step.risk] for step in decision.steps)
        assert all(step.gate >= Gate.APPROVE for step in decision.steps if step.risk is not Risk.LOW)


def guards_have_spoken(decision: Decision) -> None:
    """Every step passed its guards; every denied one says why; none is both."""
    assert all(step.gate is not Gate.DENY for step in decision.steps)
    assert all(result.passed is True for step in decision.steps for result in step.guard_results)
    assert all(step.gate is Gate.DENY for step in decision.denied)
    assert all(any(result.passed is not True for result in step.guard_results) for step in decision.denied)
    assert {s.order for s in decision.steps}.isdisjoint(s.order for s in decision.denied)


def automatic_means_sure(decision: Decision, given_settings: Settings) -> None:
    """What runs by itself is certain enough, and so is what is proposed."""
    limits = given_settings.decision
    if any(step.gate is Gate.ALLOW for step in decision.steps):
        assert decision.confidence >= limits.automatic_confidence
    if decision.steps:
        assert decision.confidence >= limits.propose_confidence
