"""Ratifying: another person stands by what somebody let through by break-glass, with a second factor of their own."""

from datetime import datetime

from sqlalchemy import Connection, text

from spine import approval as rules
from spine.approval import Approval, ApprovalStatus, Code, Outcome, Refusal, Via
from spine.audit import AuditAction
from spine.clock import SystemClock, aware
from spine.ids import ApprovalId
from spine.notification import Topic
from spine.person import Person, PersonRef
from spine.redact import redact_text
from spine.settings import Settings
from store import approvals, audit, people, refusals
from store.decide import STEPUP_SAYS
from store.engine import Database
from store.retry import retrying
from store.stepup import StepUp, step_up


def unratified(connection: Connection, now: datetime) -> list[Approval]:
    """Yeses by break-glass that nobody stood by in time, oldest first.

    A void one is among them while something it let through has not begun to end: whoever voided it died before.
    """
    return [approvals.from_row(row) for row in connection.execute(_UNRATIFIED, {"now": now})]


_UNRATIFIED = text("""
    select * from approvals a where ratify_by <= :now and ratified_at is null and (
      status = 'approved' or status = 'void' and exists(
        select from leases l where l.decision_id = a.decision_id and l.step = any(a.steps)
          and l.state in ('intended', 'applying', 'unknown', 'active', 'verified')))
    order by ratify_by, id""")


def ratify(
    database: Database,
    approval_id: ApprovalId,
    *,
    person: PersonRef,
    via: Via,
    totp: str,
    reason: str = "",
    settings: Settings,
    now: datetime | None = None,
) -> Outcome:
    """Ratify a yes that only break-glass made possible. A refusal is audited, and is a value."""
    moment = aware(now or SystemClock().now())

    def transaction() -> Outcome:
        with database.system() as connection:
            approval = approvals.locked(connection, approval_id, None)
            who = people.find(connection, person)
            if approval is None:
                return Outcome(status=ApprovalStatus.VOID, code=Code.UNKNOWN, message="There is no such approval.")
            refusal = _refusal(connection, approval, who, totp, moment, settings)
            if refusal is not None:
                _refused(connection, approval, str(person), via, refusal, moment)
                return Outcome(status=approval.status, code=refusal.code, message=refusal.message, approval=approval)
            assert who is not None
            return _ratified(connection, approval, who, via, redact_text(reason.strip())[:500], moment, settings)

    return retrying(transaction)


def _refusal(
    connection: Connection, approval: Approval, who: Person | None, totp: str, now: datetime, settings: Settings
) -> Refusal | None:
    if stranger := rules.stranger(approval, who):
        return stranger
    assert who is not None
    if refusal := rules.ratify_refusal(approval, who, approvals.ballots(connection, approval.id), now):
        return refusal
    result = step_up(connection, who.id, totp, now=now, settings=settings)
    return None if result is StepUp.ACCEPTED else Refusal(*STEPUP_SAYS[result])


def _refused(
    connection: Connection, approval: Approval, account: str, via: Via, refusal: Refusal, now: datetime
) -> None:
    times = refusals.count(connection, approval, account, refusal.code)
    if rules.worth_an_entry(times):
        audit.append(
            connection, approval.tenant_id, AuditAction.ACTION_DENIED, actor=account, at=now,
            subject=f"approval:{approval.id}", incident_id=approval.incident_id, plan_hash=approval.plan_hash,
            outcome="refused", detail={"code": refusal.code, "for": "ratify", "via": via, "times": times},
        )  # fmt: skip


def _ratified(
    connection: Connection, approval: Approval, who: Person, via: Via, reason: str, now: datetime, settings: Settings
) -> Outcome:
    query = text("update approvals set ratified_at = :now, ratified_by = :person where id = :id returning *")
    row = connection.execute(query, {"now": now, "person": who.id, "id": approval.id}).one()
    approval, summary = approvals.from_row(row), f"{who.name} ratified the break-glass via {via}"
    approvals.note(
        connection, approval, AuditAction.APPROVAL_DECIDED, outcome="ratified", actor=f"person:{who.email}",
        summary=summary, now=now, detail={"reason": reason, "via": via},
    )  # fmt: skip
    approvals.tell(connection, approval, Topic.APPROVAL_DECIDED, now=now, settings=settings)
    return Outcome(status=approval.status, code=Code.RATIFIED, message=f"{summary}.", approval=approval)
