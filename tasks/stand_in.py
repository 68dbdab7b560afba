"""Who answers for people in a drill that decides by itself: made for one question, and of no use for any other."""

from datetime import datetime

from spine import totp
from spine.approval import Approval, ApprovalStatus, Vote
from spine.drill import Drill
from spine.errors import Broken
from spine.ids import IncidentId
from spine.person import PersonRef, Role
from spine.plan import Decision
from spine.settings import Settings
from store import approvals, decisions, people
from store.decide import decide
from store.drills import DrillRun
from store.engine import Database
from store.secrets import Vault

_ROLES = (Role.INCIDENT_COMMANDER, Role.SECURITY_ADMIN)


def answer_pending(
    database: Database, settings: Settings, run: DrillRun, drill: Drill, incident: IncidentId, now: datetime
) -> list[Approval]:
    """Decide every question of the drill's incident that has a run waiting, through the one `decide()`; returns them
    as they stand now."""
    with database.system() as connection:
        waiting = [
            (approval, decisions.get(connection, approval.decision_id) if approval.decision_id else None)
            for approval in approvals.pending(connection, run.tenant_id)
            if approval.incident_id == incident and approval.flow_run_id is not None
        ]
    return [_answer(database, settings, run, approval, _vote(drill, approval, plan), now) for approval, plan in waiting]


def _vote(drill: Drill, approval: Approval, plan: Decision | None) -> Vote:
    asked = {step.action_key for step in plan.steps if step.order in approval.steps} if plan else set()
    return "approve" if asked.isdisjoint(drill.refuses) else "deny"


def _answer(
    database: Database, settings: Settings, run: DrillRun, approval: Approval, vote: Vote, now: datetime
) -> Approval:
    """As many people as the gate wants give their vote; each exists for the length of this call."""
    current = approval
    for number in range(approval.votes_needed if vote == "approve" else 1):
        ref, secret = _somebody(database, settings, run, approval, number, now)
        outcome = decide(
            database, approval.id, person=ref, vote=vote, via="api", reason="the drill decides by itself",
            totp=totp.code_at(secret, now), settings=settings, now=now,
        )  # fmt: skip
        with database.system() as connection:
            people.disable(connection, ref.account, actor=run.who, now=now)
        current = outcome.approval or current
        if not outcome.counted and current.status is ApprovalStatus.PENDING:
            raise Broken(f"A stand-in could not {vote} {approval.gate.label}: {outcome.message}")
    return current


def _somebody(
    database: Database, settings: Settings, run: DrillRun, approval: Approval, number: int, now: datetime
) -> tuple[PersonRef, str]:
    email = f"stand-in-{str(approval.id)[:13]}-{number}@drill.invalid"
    with database.system() as connection:
        person, secret = people.add(
            connection, email, f"Stand-in {number + 1} of a drill", [(run.tenant_id, role) for role in _ROLES],
            vault=Vault.of(settings), actor=run.who, now=now, drill=True,
        )  # fmt: skip
    if secret is None:
        raise Broken(f"The stand-in {email} exists already; the drill {run.id} is played twice at once.")
    return PersonRef.by_email(person.email), secret
