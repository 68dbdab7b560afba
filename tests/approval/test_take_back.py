"""Taking back unratified break-glass: all of it and nothing else, whatever happens meanwhile."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from spine.approval import Approval, ApprovalStatus, Code, Outcome
from spine.incident import Incident, IncidentStatus
from spine.lease import Lease, LeaseState
from spine.message import verdict
from spine.person import PersonRef, Role
from spine.plan import Decision, Gate
from store import approvals, audit, incidents, leases
from store.ratify import ratify
from tasks.leasing import revert_lease, tend_leases
from tasks.mitigating import StepResult, mitigate_step
from tasks.ratifying import TakenBack, revert_unratified

HALF_AN_HOUR = timedelta(minutes=30)
COMMITS = range(1, 7)
"""Of one sweep of one lease: found, stopped, reverting, undone, looked at, reverted."""


class Died(BaseException):
    """The process ends here: nothing catches it."""


def run_step(case: Any, order: int) -> StepResult:
    """Run a step of the plan; here each is refused, for the registry knows no such action."""
    step = case.decision.steps[order - 1]
    return mitigate_step(case.database, case.settings, case.decision, step, fence=0, now=case.clock.now())


def sweep(case: Any, **later: float) -> list[TakenBack]:
    case.clock.advance(timedelta(**later))
    return revert_unratified(case.database, case.settings, case.clock.now())


def stand_by(case: Any, who: PersonRef, asked: Approval | None = None) -> Outcome:
    """Their word, given one second ago."""
    return ratify(
        case.database, (asked or case.asked).id, person=who, via="cli", totp=case.code(who), settings=case.settings,
        now=case.clock.now() - timedelta(seconds=1),
    )  # fmt: skip


def state(case: Any, lease: Lease | None = None) -> LeaseState:
    with case.database.system() as connection:
        return leases.get(connection, (lease or case.lease).id).state


def incident(case: Any) -> Incident:
    with case.database.system() as connection:
        return incidents.get(connection, case.incident.id)


def end(case: Any, lease: Lease) -> None:
    assert revert_lease(case.database, lease.id, reason="test", ports=case.ports).state is LeaseState.REVERTED


def on_commit(case: Any, number: int, act: Callable[[], None], moment: str) -> Callable[[], None]:
    """Call `act` before the n-th COMMIT, or after it was answered; returns how to stop that."""
    seen, engine = Counter[str](), case.database.engine

    def before(_: object) -> None:
        seen["commits"] += 1
        due("before")

    def after(*_: object) -> None:
        due("after")

    def due(now: str) -> None:
        if moment == now and seen["commits"] == number and not seen["acted"]:
            seen["acted"] += 1
            act()

    event.listen(engine, "commit", before)
    event.listen(engine, "checkin", after)

    def stop() -> None:
        event.remove(engine, "commit", before)
        event.remove(engine, "checkin", after)
        assert seen["acted"]

    return stop


def test_a_refused_step_leaves_the_rest_of_its_group_to_be_ratified(glass: Any) -> None:
    assert run_step(glass, 2).lease is None
    assert glass.get(glass.asked).status is ApprovalStatus.APPROVED
    assert [one.approval for one in sweep(glass, minutes=30)] == [glass.asked.id]
    assert (state(glass), incident(glass).status) == (LeaseState.REVERTED, IncidentStatus.ESCALATED)


def test_after_a_refused_step_somebody_can_still_ratify(glass: Any) -> None:
    run_step(glass, 2)
    assert stand_by(glass, glass.person("ana")).code is Code.RATIFIED
    assert (sweep(glass, minutes=40), state(glass)) == ([], LeaseState.ACTIVE)


def test_a_refused_step_refuses_no_other_and_does_not_run_again(approval_case: Any) -> None:
    case, keeper = approval_case, approval_case.person("keeper", Role.BREAK_GLASS)
    asked = case.ask(steps=(1, 2))
    case.decide(asked, keeper)
    first, before = run_step(case, 1), len(case.audited())
    assert "no action is called ip.1" in first.because
    assert run_step(case, 1).because == "it was refused before; a refused step does not run under its plan again"
    assert len(case.audited()) == before
    assert "nobody approved" not in run_step(case, 2).because
    voided = case.get(asked)
    assert (voided.status, "ip.2" in voided.reason) == (ApprovalStatus.VOID, True)  # nothing is left to be done
    assert sweep(case, minutes=31) == []


def test_a_void_yes_whose_effect_is_left_is_taken_back_too(glass: Any) -> None:
    with glass.database.system() as connection:  # whoever voided it died before the effect was taken back
        approvals.void(connection, glass.asked.id, "closed", now=glass.clock.now(), settings=glass.settings)
    assert (len(sweep(glass, minutes=31)), state(glass)) == (1, LeaseState.REVERTED)
    assert (sweep(glass, minutes=1), glass.get(glass.asked).reason) == ([], "closed")


def second_plan(case: Any, *people: PersonRef) -> tuple[Approval, Lease]:
    """Plan B, approved by these people and in force."""
    plan: Decision = case.plan("b")
    asked = case.ask(Gate.TWO_PERSON if len(people) == 2 else Gate.APPROVE, of=plan)
    assert [case.decide(asked, who).code for who in people][-1] is Code.DECIDED
    return asked, case.put_in_force(plan, "captcha.require", mode="all")


def test_what_others_approved_properly_stays_and_its_run_goes_on(glass: Any) -> None:
    glass.clock.advance(timedelta(minutes=15))
    asked, lease = second_plan(glass, glass.person("ana"), glass.person("bo"))
    assert len(sweep(glass, minutes=15)) == 1
    assert (state(glass), state(glass, lease)) == (LeaseState.REVERTED, LeaseState.ACTIVE)
    assert (glass.get(asked).status, glass.get(glass.asked).status) == ("approved", "void")
    now = incident(glass)
    assert (now.status, now.fence) == (IncidentStatus.OPEN, 0)


def test_another_overdue_yes_keeps_nobody_from_being_called(glass: Any) -> None:
    _, lease = second_plan(glass, glass.person("other", Role.BREAK_GLASS))
    assert len(sweep(glass, minutes=30)) == 2
    assert (state(glass), state(glass, lease)) == (LeaseState.REVERTED, LeaseState.REVERTED)
    assert incident(glass).status is IncidentStatus.ESCALATED


def test_what_has_ended_by_itself_calls_nobody(glass: Any) -> None:
    end(glass, glass.lease)
    assert len(sweep(glass, minutes=30)) == 1
    now = incident(glass)
    assert (glass.get(glass.asked).status, now.status, now.fence) == ("void", IncidentStatus.OPEN, 0)
    assert sweep(glass, minutes=1) == []


@pytest.mark.parametrize("commit", COMMITS)
def test_a_ratification_wins_before_the_sweep_has_stopped_it_and_is_void_afterwards(glass: Any, commit: int) -> None:
    ana, told = glass.person("ana"), []
    glass.clock.advance(HALF_AN_HOUR)
    stop = on_commit(glass, commit, lambda: told.append(stand_by(glass, ana).code), "after")
    taken = sweep(glass)
    stop()
    if commit == 1:
        assert (told, taken, state(glass)) == ([Code.RATIFIED], [], LeaseState.ACTIVE)
        assert (glass.get(glass.asked).status, incident(glass).fence) == ("approved", 0)
    else:
        assert (told, len(taken), state(glass)) == ([Code.VOID], 1, LeaseState.REVERTED)
        assert glass.get(glass.asked).ratified_at is None


def test_ratified_and_swept_at_the_same_moment_it_is_one_or_the_other(glass: Any) -> None:
    ana = glass.person("ana")
    for number in range(6):
        glass.clock.advance(timedelta(minutes=1))  # a code is good once
        plan = glass.plan(f"round {number}")
        asked = glass.ask(of=plan)
        assert glass.decide(asked, glass.keeper).code is Code.DECIDED
        lease = glass.put_in_force(plan, "captcha.require")
        glass.clock.advance(HALF_AN_HOUR)
        with ThreadPoolExecutor(2) as pool:
            word, swept = pool.submit(stand_by, glass, ana, asked), pool.submit(sweep, glass)
            ratified = word.result().code is Code.RATIFIED
            assert (asked.id in [one.approval for one in swept.result()]) is not ratified
        assert state(glass, lease) is (LeaseState.ACTIVE if ratified else LeaseState.REVERTED)
        assert glass.get(asked).status is (ApprovalStatus.APPROVED if ratified else ApprovalStatus.VOID)
        end(glass, lease)
    with glass.database.system() as connection:
        assert audit.verify(connection, glass.tenant) is None


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("commit", COMMITS)
def test_interrupted_anywhere_the_next_round_ends_it_and_tells_it_once(glass: Any, commit: int, moment: str) -> None:
    def die() -> None:
        raise Died

    glass.clock.advance(HALF_AN_HOUR)
    stop = on_commit(glass, commit, die, moment)
    with pytest.raises(Died):
        sweep(glass)
    stop()
    for _ in range(2):
        glass.clock.advance(timedelta(minutes=1))
        tend_leases(glass.database, glass.ports)
        sweep(glass)
    assert (state(glass), glass.get(glass.asked).status) == (LeaseState.REVERTED, ApprovalStatus.VOID)
    assert incident(glass).status is IncidentStatus.ESCALATED
    told = Counter((action, outcome) for action, _, outcome in glass.audited())
    for entry in (("incident.escalated", "ok"), ("rollback.executed", "ok"), ("approval.decided", "void")):
        assert told[entry] == 1, told


def test_one_that_fails_is_told_and_does_not_stop_the_others(glass: Any) -> None:
    other = glass.ask(of=glass.plan("other"))
    glass.clock.advance(timedelta(seconds=60))
    glass.decide(other, glass.keeper)
    with glass.database.owner() as connection:
        connection.execute(
            text(
                "create function broken() returns trigger language plpgsql as"
                f" $$ begin if new.id = '{glass.asked.id}' then raise 'the disk is full'; end if; return new; end $$"
            )
        )
        connection.execute(
            text("create trigger broken before update on approvals for each row execute function broken()")
        )
    failed, done = sweep(glass, minutes=31)
    assert (failed.approval, done.approval, done.error) == (glass.asked.id, other.id, None)
    assert failed.error is not None
    assert "the disk is full" in failed.error
    assert glass.get(other).status is ApprovalStatus.VOID
    with glass.database.owner() as connection:
        connection.execute(text("drop trigger broken on approvals"))
    assert [one.error for one in sweep(glass)] == [None]
    assert state(glass) is LeaseState.REVERTED


def test_the_end_of_a_ratified_yes_is_told_too(glass: Any) -> None:
    assert stand_by(glass, glass.person("ana")).code is Code.RATIFIED
    with glass.database.system() as connection:
        approvals.void(connection, glass.asked.id, "closed", now=glass.clock.now(), settings=glass.settings)
        query = text("select distinct dedupe from outbox where topic = 'approval.decided' and dedupe like :end")
        marks = connection.execute(query, {"end": f"%{glass.asked.id}:%"}).scalars()
        assert {mark.rpartition(":")[2] for mark in marks} == {"page", "approved", "ratified", "void"}


def test_a_yes_that_was_taken_back_is_not_told_as_if_nothing_had_been_done(glass: Any) -> None:
    sweep(glass, minutes=30)
    told = verdict(glass.get(glass.asked), "keeper")
    assert told == "Void: nobody ratified the break-glass in time; this yes lets nothing through any more."
    assert stand_by(glass, glass.person("ana")).message == (
        "This is void already (nobody ratified the break-glass in time): there is nothing left to ratify."
    )
