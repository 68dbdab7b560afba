"""Who may decide which gate: pure rules, by table and by property."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spine.approval import (
    Approval,
    ApprovalStatus,
    Ballot,
    Code,
    approval_id,
    needs_stepup,
    refusal,
    status_after,
    stranger,
    void_because,
    worth_an_entry,
)
from spine.ids import DecisionId, IncidentId, PersonId, TenantId
from spine.person import EVERY_TENANT, Person, Role
from spine.plan import Gate, Risk

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TENANT = TenantId("acme")
PEOPLE = [PersonId(UUID(int=n)) for n in range(1, 5)]


def asked(gate: Gate = Gate.APPROVE, risk: Risk = Risk.HIGH, **changes: object) -> Approval:
    approval = Approval(
        id=approval_id(TENANT, UUID(int=9), gate, [1]), tenant_id=TENANT, incident_id=IncidentId(UUID(int=8)),
        decision_id=DecisionId(UUID(int=9)), gate=gate, steps=(1,), plan_hash="h", risk=risk, containment=False,
        requester="engine", requested_by=None, barred=frozenset(), status=ApprovalStatus.PENDING,
        votes_needed=2 if gate is Gate.TWO_PERSON else 1, requested_at=NOW, expires_at=NOW + timedelta(minutes=15),
    )  # fmt: skip
    return replace(approval, **changes)


def someone(number: int, *roles: Role, tenant: TenantId = TENANT) -> Person:
    held = {tenant: frozenset(roles)}
    return Person(id=PEOPLE[number], email=f"{number}@example.org", name=str(number), roles=held, created_at=NOW)


def ballot(person: PersonId, vote: str = "approve", stepped_up: bool = True) -> Ballot:
    return Ballot(person_id=person, vote=vote, via="slack", account="a", stepped_up=stepped_up, reason="", at=NOW)


def test_ten_thousand_refusals_are_fifteen_entries() -> None:
    told = [n for n in range(1, 10_001) if worth_an_entry(n)]
    assert told[:8] == [1, 2, 3, 4, 5, 10, 20, 40]
    assert (len(told), told[-1]) == (15, 5120)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.SUPPORT, Role.ENGINE])
@pytest.mark.parametrize("vote", ["approve", "deny"])
def test_roles_without_a_say_are_strangers(role: Role, vote: str) -> None:
    found = refusal(asked(), someone(0, role), vote, [])
    assert found is not None
    assert found.code is Code.NOT_ALLOWED


def test_a_stranger_and_somebody_without_a_role_hear_the_same() -> None:
    assert stranger(asked(), None) == stranger(asked(), someone(0, Role.VIEWER))


@pytest.mark.parametrize(
    ("gate", "risk", "role", "code"),
    [
        (Gate.APPROVE, Risk.MEDIUM, Role.RESPONDER, None),
        (Gate.APPROVE, Risk.HIGH, Role.RESPONDER, Code.NOT_ALLOWED),
        (Gate.APPROVE, Risk.HIGH, Role.INCIDENT_COMMANDER, None),
        (Gate.APPROVE, Risk.CRITICAL, Role.SECURITY_ADMIN, Code.NOT_ALLOWED),
        (Gate.TWO_PERSON, Risk.CRITICAL, Role.SECURITY_ADMIN, None),
        (Gate.TWO_PERSON, Risk.CRITICAL, Role.BREAK_GLASS, Code.NOT_ALLOWED),
    ],
)
def test_the_risk_decides_who_is_enough(gate: Gate, risk: Risk, role: Role, code: Code | None) -> None:
    found = refusal(asked(gate, risk), someone(0, role), "approve", [])
    assert (found and found.code) == code


def test_who_may_not_approve_may_still_deny() -> None:
    barred = asked(risk=Risk.CRITICAL, barred=frozenset(PEOPLE), requested_by=PEOPLE[0])
    assert refusal(barred, someone(0, Role.RESPONDER), "deny", []) is None


@pytest.mark.parametrize(
    ("gate", "code"), [(Gate.STEP_UP, None), (Gate.APPROVE, Code.SELF), (Gate.TWO_PERSON, Code.SELF)]
)
def test_only_a_step_up_is_opened_by_whoever_asked(gate: Gate, code: Code | None) -> None:
    mine = asked(gate, requested_by=PEOPLE[0])
    found = refusal(mine, someone(0, Role.INCIDENT_COMMANDER), "approve", [])
    assert (found and found.code) == code


def test_the_affected_admin_may_not_approve() -> None:
    found = refusal(asked(barred=frozenset({PEOPLE[0]})), someone(0, Role.SECURITY_ADMIN), "approve", [])
    assert found is not None
    assert found.code is Code.AFFECTED


def test_roles_count_in_their_tenant_only() -> None:
    elsewhere = someone(0, Role.SECURITY_ADMIN, tenant=TenantId("other"))
    everywhere = someone(0, Role.SECURITY_ADMIN, tenant=EVERY_TENANT)
    assert stranger(asked(), elsewhere) is not None
    assert stranger(asked(), everywhere) is None
    assert stranger(asked(), replace(everywhere, disabled_at=NOW)) is not None


@pytest.mark.parametrize(
    ("gate", "vote", "via", "needed"),
    [
        (Gate.STEP_UP, "approve", "slack", True),
        (Gate.APPROVE, "approve", "api", True),
        (Gate.TWO_PERSON, "approve", "cli", True),
        (Gate.APPROVE, "deny", "slack", False),
        (Gate.APPROVE, "deny", "api", False),
        (Gate.APPROVE, "deny", "prefect", True),
        (Gate.APPROVE, "deny", "cli", True),
    ],
)
def test_a_yes_needs_a_code_and_a_no_where_names_prove_nothing(gate: Gate, vote: str, via: str, needed: bool) -> None:
    assert needs_stepup(asked(gate), vote, via) is needed


@pytest.mark.parametrize(
    ("plan_hash", "ended", "stands"),
    [("h", False, True), ("other", False, False), (None, False, False), ("h", True, False)],
)
def test_a_question_stands_with_its_plan_and_its_incident(plan_hash: str | None, ended: bool, stands: bool) -> None:
    assert (void_because(asked(), plan_hash=plan_hash, incident_ended=ended) is None) is stands


_BALLOTS = st.lists(
    st.builds(ballot, st.sampled_from(PEOPLE), st.sampled_from(["approve", "deny"]), st.booleans()), max_size=5
)


@given(
    gate=st.sampled_from([Gate.STEP_UP, Gate.APPROVE, Gate.TWO_PERSON]),
    ballots=_BALLOTS,
    requester=st.sampled_from([None, *PEOPLE]),
    barred=st.frozensets(st.sampled_from(PEOPLE)),
)
def test_no_votes_grant_without_enough_different_entitled_people(
    gate: Gate, ballots: list[Ballot], requester: PersonId | None, barred: frozenset[PersonId]
) -> None:
    approval = asked(gate, requested_by=requester, barred=barred)
    status = status_after(approval, ballots)
    entitled = {b.person_id for b in ballots if b.vote == "approve" and b.stepped_up} - barred
    if gate is not Gate.STEP_UP:
        entitled.discard(requester)
    if any(b.vote == "deny" for b in ballots):
        assert status is ApprovalStatus.DENIED
    else:
        assert (status is ApprovalStatus.APPROVED) == (len(entitled) >= (2 if gate is Gate.TWO_PERSON else 1))
