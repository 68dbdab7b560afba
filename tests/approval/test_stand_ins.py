"""Stand-ins: who decides for people in an unattended drill has a say in drills alone, whatever their roles."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from spine.approval import ApprovalStatus, Code
from spine.drill import Drill
from spine.incident import IncidentKind
from spine.person import PersonRef, Role
from spine.plan import Gate
from store import drills, people
from store.drills import DrillRun
from store.secrets import Vault
from tasks.stand_in import answer_pending

QUIET = Drill(name="first", title="t", script=lambda _: [], expected=None)


def synthetic(case: Any, *, unattended: bool = True) -> DrillRun:
    """Makes the case's incident that of a drill."""
    now = case.clock.now()
    run = DrillRun(
        id="d1", tenant_id=case.tenant, kind=IncidentKind.FAILED_LOGINS_SPIKE, name="first", negative=False, seed=1,
        unattended=unattended, who="cli:ada", started_at=now, gives_up_at=now + timedelta(minutes=5),
    )  # fmt: skip
    with case.database.system() as connection:
        drills.begin(connection, run)
        connection.execute(text("update incidents set synthetic = true, drill_id = 'd1'"))
    return run


def stand_in(case: Any, *roles: Role) -> PersonRef:
    """Somebody who is there for drills, with the roles of whoever may do most."""
    ref = PersonRef.by_email("stand-in@drill.invalid")
    with case.database.system() as connection:
        _, case.secrets[ref] = people.add(
            connection, ref.account, "Stand-in", [(case.tenant, role) for role in roles or tuple(Role)[2:]
             if role is not Role.ENGINE], vault=Vault.of(case.settings), actor="test", now=case.clock.now(), drill=True,
        )  # fmt: skip
    return ref


@pytest.mark.parametrize("vote", ["approve", "deny"])
@pytest.mark.parametrize("gate", [Gate.STEP_UP, Gate.APPROVE, Gate.TWO_PERSON], ids=lambda gate: gate.label)
def test_a_stand_in_has_no_say_in_a_real_incident(approval_case: Any, gate: Gate, vote: Any) -> None:
    case = approval_case
    asked, nobody = case.ask(gate), stand_in(case)
    assert case.decide(asked, nobody, vote).code is Code.NOT_ALLOWED
    assert case.get(asked).status is ApprovalStatus.PENDING
    assert case.audited()[-1] == ("action.denied", f"person:{nobody.account}", "refused")


def test_a_stand_in_decides_on_a_drill(approval_case: Any) -> None:
    case = approval_case
    synthetic(case)
    asked = case.ask()
    assert asked.synthetic
    assert case.decide(asked, stand_in(case)).code is Code.DECIDED


def test_a_stand_in_needs_the_second_factor_like_everybody(approval_case: Any) -> None:
    case = approval_case
    synthetic(case)
    asked = case.ask()
    assert case.decide(asked, stand_in(case), totp=None).code is Code.STEPUP_NEEDED


def test_a_real_person_decides_on_a_drill_too(approval_case: Any) -> None:
    case = approval_case
    synthetic(case, unattended=False)
    assert case.decide(case.ask(), case.person("ana")).code is Code.DECIDED


def test_once_real_is_never_a_drill(approval_case: Any) -> None:
    """A question bears what it was when it was asked: turning the incident synthetic later helps nobody."""
    case = approval_case
    asked = case.ask()
    synthetic(case)
    assert case.decide(asked, stand_in(case)).code is Code.NOT_ALLOWED


@pytest.mark.parametrize("gate", [Gate.STEP_UP, Gate.APPROVE, Gate.TWO_PERSON], ids=lambda gate: gate.label)
def test_an_unattended_drill_opens_every_gate_and_leaves_nobody_behind(approval_case: Any, gate: Gate) -> None:
    case = approval_case
    run = synthetic(case)
    asked = waiting(case, case.ask(gate))
    (decided,) = answer_pending(case.database, case.settings, run, QUIET, case.incident.id, case.clock.now())
    assert (decided.id, decided.status) == (asked.id, ApprovalStatus.APPROVED)
    with case.database.system() as connection:
        left = connection.execute(text("select drill, disabled_at is not null as ended from people")).all()
        assert people.everybody(connection) == []
    assert left == [(True, True)] * asked.votes_needed


def test_it_says_no_to_what_the_drill_leaves_waiting(approval_case: Any) -> None:
    case = approval_case
    run = synthetic(case)
    waiting(case, case.ask(steps=(1, 2)))
    careful = Drill(name="first", title="t", script=lambda _: [], expected=None, refuses=frozenset({"ip.2"}))
    (decided,) = answer_pending(case.database, case.settings, run, careful, case.incident.id, case.clock.now())
    assert decided.status is ApprovalStatus.DENIED


def test_it_leaves_questions_of_real_incidents_alone(approval_case: Any) -> None:
    case = approval_case
    waiting(case, case.ask())
    run = synthetic(case)
    other = case.incident.id.__class__(int=1)
    assert answer_pending(case.database, case.settings, run, QUIET, other, case.clock.now()) == []


@pytest.mark.parametrize("unattended", [True, False], ids=["unattended", "attended"])
def test_people_hear_of_a_drill_only_where_they_are_asked(approval_case: Any, unattended: bool) -> None:
    case = approval_case
    synthetic(case, unattended=unattended)
    case.ask()
    with case.database.system() as connection:
        topics = set(connection.execute(text("select topic from outbox")).scalars())
    assert topics == (set() if unattended else {"approval.requested"})


def waiting(case: Any, asked: Any) -> Any:
    """The question, with a run that waits for its answer."""
    with case.database.system() as connection:
        connection.execute(text("update approvals set flow_run_id = gen_random_uuid()"))
    return asked
