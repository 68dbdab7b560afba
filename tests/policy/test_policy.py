"""The policy matrix, its footnotes, and what no combination of inputs may ever do."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spine.person import Role
from spine.plan import Gate, Risk
from spine.policy import (
    ENVIRONMENTS,
    MATRIX,
    ActionRequest,
    gate_for,
    may_decide,
    may_refuse,
    requester_may_vote,
    rule,
    votes_needed,
)

ALLOW, STEP_UP, APPROVE, TWO, DENY = Gate.ALLOW, Gate.STEP_UP, Gate.APPROVE, Gate.TWO_PERSON, Gate.DENY

TABLE = {
    "viewer": (DENY, DENY, DENY, DENY),
    "support": (DENY, DENY, DENY, DENY),
    "engine": (ALLOW, APPROVE, APPROVE, TWO),
    "responder": (ALLOW, STEP_UP, APPROVE, TWO),
    "incident_commander": (ALLOW, STEP_UP, STEP_UP, TWO),
    "security_admin": (ALLOW, STEP_UP, STEP_UP, TWO),
}


def asked(**changes: object) -> ActionRequest:
    """A medium-risk request of the engine in production, sure of itself."""
    base = ActionRequest(role="engine", risk=Risk.MEDIUM, environment="prod", confidence=0.9)
    return replace(base, **changes)


requests = st.builds(
    ActionRequest,
    role=st.sampled_from([*Role, "janitor"]),
    risk=st.sampled_from([*Risk, None]),
    environment=st.sampled_from([*sorted(ENVIRONMENTS), "qa"]),
    tenants=st.one_of(st.none(), st.integers(-1, 40)),
    reversible=st.booleans(),
    harmless=st.booleans(),
    containment=st.booleans(),
    external=st.booleans(),
    guards_passed=st.booleans(),
    cross_tenant=st.booleans(),
    confidence=st.one_of(st.floats(0, 1), st.just(float("nan"))),
    suppressed=st.booleans(),
    undrilled=st.sampled_from(["", "never drilled"]),
)


@pytest.mark.parametrize(
    ("role", "risk", "gate"),
    [(role, risk, gate) for role, row in TABLE.items() for risk, gate in zip(Risk, row, strict=True)],
)
def test_production_follows_the_published_table(role: str, risk: Risk, gate: Gate) -> None:
    assert gate_for(asked(role=role, risk=risk)) is gate


@pytest.mark.parametrize(
    ("change", "gate"),
    [
        pytest.param({"risk": Risk.LOW, "confidence": 0.79}, APPROVE, id="the engine must be sure"),
        pytest.param({"risk": Risk.LOW, "confidence": 0.8}, ALLOW, id="sure enough"),
        pytest.param({"risk": Risk.LOW, "confidence": float("nan")}, APPROVE, id="no number is not sure"),
        pytest.param({"risk": Risk.LOW, "reversible": False}, APPROVE, id="no way back"),
        pytest.param({"risk": Risk.LOW, "reversible": False, "harmless": True}, ALLOW, id="a snapshot"),
        pytest.param({"risk": Risk.LOW, "suppressed": True}, APPROVE, id="maintenance"),
        pytest.param({"risk": Risk.LOW, "suppressed": True, "harmless": True}, ALLOW, id="maintenance, snapshot"),
        pytest.param({"role": "security_admin", "risk": Risk.HIGH, "reversible": False}, APPROVE, id="dagger"),
        pytest.param({"role": "break_glass", "risk": Risk.CRITICAL, "containment": True}, STEP_UP, id="contain"),
        pytest.param({"role": "break_glass", "risk": Risk.CRITICAL}, DENY, id="break-glass, no containment"),
        pytest.param({"environment": "dev"}, ALLOW, id="dev"),
        pytest.param({"environment": "dev", "external": True}, DENY, id="dev, real adapter"),
        pytest.param({"environment": "dev", "role": "viewer"}, DENY, id="dev, viewer"),
        pytest.param({"environment": "staging"}, STEP_UP, id="staging is one lower"),
        pytest.param({"environment": "staging", "risk": Risk.CRITICAL}, APPROVE, id="staging, critical"),
        pytest.param(
            {"environment": "staging", "role": "break_glass", "risk": Risk.CRITICAL, "containment": True},
            STEP_UP,
            id="staging, critical keeps a step-up",
        ),
        pytest.param({"role": "responder", "tenants": 2}, APPROVE, id="two tenants"),
        pytest.param({"role": "responder", "tenants": 10}, APPROVE, id="ten tenants"),
        pytest.param({"role": "responder", "tenants": 11}, TWO, id="eleven are as good as all"),
        pytest.param({"role": "responder", "tenants": None}, TWO, id="all tenants"),
        pytest.param({"tenants": 0}, DENY, id="no tenant at all"),
        pytest.param({"risk": None}, DENY, id="unknown action"),
        pytest.param({"environment": "qa"}, DENY, id="unknown environment"),
        pytest.param({"role": "janitor"}, DENY, id="unknown role"),
        pytest.param({"guards_passed": False}, DENY, id="guard"),
        pytest.param({"cross_tenant": True}, DENY, id="other tenant's actor"),
        pytest.param({"risk": Risk.HIGH, "pre_authorised": True, "confidence": 0.1}, ALLOW, id="pre-authorised"),
        pytest.param({"pre_authorised": True, "guards_passed": False}, DENY, id="pre-authorised, guard fails"),
    ],
)
def test_footnotes_environments_and_scope(change: dict[str, object], gate: Gate) -> None:
    ruling = rule(asked(**change))
    assert ruling.gate is gate, ruling.because


def test_break_glass_pages_all_and_wants_ratification() -> None:
    ruling = rule(asked(role="break_glass"))
    assert (ruling.page_all, ruling.ratify_within) == (True, timedelta(minutes=30))


@given(requests)
def test_the_engine_never_exceeds_its_row(request: ActionRequest) -> None:
    ruling = rule(replace(request, role="engine", environment="prod"))
    if request.risk is not None:
        assert ruling.gate >= MATRIX[Role.ENGINE][request.risk]
    if ruling.gate is ALLOW:
        assert request.confidence >= 0.8
        assert request.harmless or not request.suppressed
        assert request.guards_passed


@given(requests)
def test_automatic_always_means_sure_undoable_and_unsuppressed(request: ActionRequest) -> None:
    if gate_for(replace(request, role="engine")) is ALLOW:
        assert request.confidence >= 0.8
        assert request.reversible or request.harmless
        assert request.harmless or not request.suppressed


@given(requests, st.integers(1, 40), st.one_of(st.none(), st.integers(0, 40)))
def test_widening_never_weakens(request: ActionRequest, tenants: int, more: int | None) -> None:
    wider = None if more is None else tenants + more
    narrow, wide = replace(request, tenants=tenants), replace(request, tenants=wider)
    assert gate_for(wide) >= gate_for(narrow)


@given(requests)
def test_staging_is_never_stricter_than_production_and_never_opens_a_denied_gate(request: ActionRequest) -> None:
    staging = gate_for(replace(request, environment="staging"))
    prod = gate_for(replace(request, environment="prod"))
    assert staging <= prod
    assert (staging is DENY) == (prod is DENY)


@given(requests)
def test_more_risk_never_needs_less(request: ActionRequest) -> None:
    gates = [gate_for(replace(request, risk=risk)) for risk in Risk]
    assert gates == sorted(gates)


@given(requests)
def test_every_gate_has_a_reason(request: ActionRequest) -> None:
    assert rule(request).because


@pytest.mark.parametrize(
    ("role", "gate", "risk", "may"),
    [
        (Role.RESPONDER, APPROVE, Risk.MEDIUM, True),
        (Role.RESPONDER, APPROVE, Risk.HIGH, False),
        (Role.RESPONDER, TWO, Risk.CRITICAL, True),
        (Role.INCIDENT_COMMANDER, APPROVE, Risk.HIGH, True),
        (Role.SECURITY_ADMIN, APPROVE, Risk.HIGH, True),
        (Role.SECURITY_ADMIN, APPROVE, Risk.CRITICAL, False),
        (Role.SECURITY_ADMIN, DENY, Risk.LOW, False),
        (Role.VIEWER, STEP_UP, Risk.LOW, False),
        (Role.SUPPORT, TWO, Risk.LOW, False),
        (Role.ENGINE, APPROVE, Risk.LOW, False),
        (Role.BREAK_GLASS, APPROVE, Risk.HIGH, True),
        (Role.BREAK_GLASS, TWO, Risk.CRITICAL, False),
    ],
)
def test_who_may_say_yes(role: Role, gate: Gate, risk: Risk, may: bool) -> None:
    assert may_decide({role}, gate, risk, containment=False, affected=False) is may
    assert not may_decide({role}, gate, risk, containment=False, affected=True)


def test_break_glass_may_contain_a_critical_risk_as_one_of_two() -> None:
    assert may_decide({Role.BREAK_GLASS}, TWO, Risk.CRITICAL, containment=True, affected=False)


def test_saying_no_needs_only_that_one_may_act() -> None:
    assert may_refuse({Role.RESPONDER})
    assert not may_refuse({Role.VIEWER, Role.SUPPORT, Role.ENGINE})
    assert not may_refuse(set())


def test_votes() -> None:
    assert [votes_needed(g) for g in (ALLOW, STEP_UP, APPROVE, TWO)] == [0, 1, 1, 2]
    assert [requester_may_vote(g) for g in Gate] == [True, True, False, False, False]
    with pytest.raises(ValueError, match="denied"):
        votes_needed(DENY)
