"""Break-glass: somebody else stands by it within 30 minutes, or what it let through is taken back."""

from datetime import timedelta
from typing import Any

from sqlalchemy import text

from spine.approval import Approval, ApprovalStatus, Code, Outcome
from spine.incident import IncidentStatus
from spine.lease import LeaseState
from spine.person import PersonRef, Role
from spine.plan import Gate, Risk, Verb
from store import approvals, audit, incidents, leases
from store.ratify import ratify
from tasks.ratifying import revert_unratified


def stand_by(case: Any, who: PersonRef, totp: str | None = None) -> Outcome:
    return ratify(
        case.database, case.asked.id, person=who, via="cli", totp=totp or case.code(who), reason="right so",
        settings=case.settings, now=case.clock.now(),
    )  # fmt: skip


def swept(case: Any, **later: float) -> tuple[int, LeaseState, IncidentStatus, Approval]:
    """What one round of reconcile undoes, and how things stand then."""
    case.clock.advance(timedelta(**later))
    count = len(revert_unratified(case.database, case.settings, case.clock.now()))
    with case.database.system() as connection:
        lease, incident = leases.get(connection, case.lease.id), incidents.get(connection, case.incident.id)
    return count, lease.state, incident.status, case.get(case.asked)


def test_unratified_after_thirty_minutes_it_is_taken_back_escalated_and_audited(glass: Any) -> None:
    assert swept(glass, minutes=29, seconds=59)[:3] == (0, LeaseState.ACTIVE, IncidentStatus.OPEN)
    count, lease, status, approval = swept(glass, seconds=1)
    assert (count, lease, status) == (1, LeaseState.REVERTED, IncidentStatus.ESCALATED)
    assert (approval.status, approval.reason) == (ApprovalStatus.VOID, "nobody ratified the break-glass in time")
    told = [(action, outcome) for action, _, outcome in glass.audited()]
    for entry in (("incident.escalated", "ok"), ("rollback.executed", "ok"), ("approval.decided", "void")):
        assert told.count(entry) == 1, told
    assert swept(glass, minutes=1)[0] == 0
    with glass.database.system() as connection:
        assert audit.verify(connection, glass.tenant) is None
        assert approvals.granted(connection, glass.decision.decision_id, 1, glass.decision.plan_hash) is None
        fence = incidents.get(connection, glass.incident.id).fence
    assert fence == 1  # whatever run was at work is fenced out


def test_somebody_else_ratifies_with_a_second_factor_and_it_stays(glass: Any) -> None:
    ana = glass.person("ana")
    done = stand_by(glass, ana)
    assert (done.code, done.counted, done.message) == (Code.RATIFIED, True, "ana ratified the break-glass via cli.")
    assert glass.audited()[-1] == ("approval.decided", "person:ana@example.org", "ratified")
    count, lease, status, approval = swept(glass, minutes=40)
    assert (count, lease, status, approval.status) == (0, LeaseState.ACTIVE, IncidentStatus.OPEN, "approved")
    assert stand_by(glass, glass.person("bo")).code is Code.ALREADY_DECIDED


def test_who_may_not_ratify(glass: Any) -> None:
    ana, other = glass.person("ana"), glass.person("other", Role.BREAK_GLASS)
    assert stand_by(glass, glass.keeper).code is Code.SELF
    assert stand_by(glass, other).code is Code.NOT_ALLOWED
    assert stand_by(glass, glass.person("viewer", Role.VIEWER)).code is Code.NOT_ALLOWED
    assert stand_by(glass, PersonRef.by_email("nobody@example.org"), "000000").code is Code.NOT_ALLOWED
    assert stand_by(glass, ana, "000000").code is Code.STEPUP_REFUSED
    assert [outcome for action, _, outcome in glass.audited() if action == "action.denied"] == ["refused"] * 5
    glass.clock.advance(timedelta(minutes=30))
    assert stand_by(glass, ana).code is Code.EXPIRED


def test_an_ordinary_yes_needs_no_ratification(approval_case: Any) -> None:
    case, ana, bo = approval_case, approval_case.person("ana"), approval_case.person("bo")
    case.asked = case.ask()
    case.decide(case.asked, ana)
    assert stand_by(case, bo).code is Code.NOTHING_TO_RATIFY
    assert revert_unratified(case.database, case.settings, case.clock.now() + timedelta(hours=1)) == []


def test_one_of_two_votes_by_break_glass_wants_a_third_person(approval_case: Any) -> None:
    case, keeper, ana = approval_case, approval_case.person("keeper", Role.BREAK_GLASS), approval_case.person("ana")
    case.asked = case.ask(Gate.TWO_PERSON, of=case.plan("contain", Risk.CRITICAL, Verb.CONTAIN))
    for who in (keeper, ana):
        case.decide(case.asked, who)
    assert (case.get(case.asked).status, stand_by(case, ana).code) == (ApprovalStatus.APPROVED, Code.SELF)
    assert stand_by(case, case.person("bo")).code is Code.RATIFIED


def test_after_the_incident_has_ended_only_the_yes_is_taken_back(glass: Any) -> None:
    with glass.database.system() as connection:
        incidents.transition(
            connection, glass.incident.id, IncidentStatus.RESOLVED, at=glass.clock.now(), actor="t", summary="over"
        )
    count, lease, status, approval = swept(glass, minutes=31)
    assert (count, lease, status) == (1, LeaseState.REVERTED, IncidentStatus.RESOLVED)
    assert approval.status is ApprovalStatus.VOID


def test_people_are_told_that_somebody_must_ratify(slack_case: Any) -> None:
    case, keeper = slack_case.case, slack_case.case.person("keeper", Role.BREAK_GLASS)
    case.asked = case.ask()
    slack_case.relay()
    case.decide(case.asked, keeper)
    slack_case.relay()
    assert "must ratify it by 12:30:00 UTC" in str(slack_case.prompt["blocks"])
    stand_by(case, case.person("ana"))
    slack_case.relay()
    assert "Break-glass, ratified at 12:00:00 UTC" in str(slack_case.prompt["blocks"])
    with case.database.system() as connection:
        pages = connection.execute(text("select count(*) from outbox where severity = 3")).scalar_one()
    assert pages == 1
