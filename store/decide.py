"""THE decision: every yes and no to an approval, from wherever it comes, goes through `decide`.

One transaction: the vote, the second factor, the state, the audit entries, the timeline and the news. What
policy refuses is a value, not an exception, so that the record of the attempt is committed too.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import ValidationError
from sqlalchemy import Connection, text

from spine import approval as rules
from spine.approval import Approval, ApprovalStatus, Ballot, Code, Outcome, Refusal, Via, Vote
from spine.audit import AuditAction
from spine.clock import SystemClock, aware
from spine.decision.plan_hash import of_decision
from spine.ids import NO_TENANT, ApprovalId, TenantId
from spine.notification import Topic
from spine.person import Person, PersonRef, Role
from spine.plan import Decision
from spine.policy import RATIFY_WITHIN, may_decide
from spine.redact import redact_text
from spine.session import fresh
from spine.settings import Settings
from store import approvals, audit, flag_changes, people, refusals, votes
from store.engine import Database
from store.retry import retrying
from store.stepup import StepUp, step_up

_LONGEST_REASON = 500
STEPUP_SAYS = {
    StepUp.REFUSED: (Code.STEPUP_REFUSED, "That code was not accepted. Wait for the next one and use it once."),
    StepUp.LOCKED: (Code.STEPUP_LOCKED, "Too many wrong codes. Wait some minutes, or ask somebody else to decide."),
    StepUp.NOT_ENROLLED: (
        Code.STEPUP_NOT_ENROLLED,
        "You have no second factor here. Ask for one: `opsspine people renew <your address>`.",
    ),
    StepUp.UNAVAILABLE: (
        Code.STEPUP_UNAVAILABLE,
        "Codes cannot be checked now, so nothing was decided. An operator must restore the secret key.",
    ),
}


def decide(
    database: Database,
    approval_id: ApprovalId | str,
    *,
    person: PersonRef,
    vote: Vote,
    via: Via,
    reason: str = "",
    totp: str | None = None,
    stepped_up_at: datetime | None = None,
    settings: Settings,
    now: datetime | None = None,
    tenant: TenantId | None = None,
) -> Outcome:
    """Cast a vote. The first to decide wins; everybody later is told who did.

    A second factor is a code (`totp`), or was shown in the caller's own session (`stepped_up_at`, from
    `gateway.caller.Caller` and from nowhere else) not long ago. `tenant` is that of the caller's credentials,
    where the way in has one: another tenant's approvals are then unknown. `now` defaults to the machine's clock.
    """
    moment = aware(now or SystemClock().now())
    cast = _Cast(person, vote, via, redact_text(reason.strip())[:_LONGEST_REASON], totp or "", moment, stepped_up_at)

    def transaction() -> Outcome:
        with database.system() as connection:
            approval = approvals.locked(connection, approval_id, tenant)
            if approval is None:
                return _unknown(connection, cast, approval_id)
            return _Case(connection, approval, cast, settings).outcome()

    return retrying(transaction)


@dataclass(frozen=True, slots=True)
class _Cast:
    """The vote as it came in."""

    ref: PersonRef
    vote: Vote
    via: Via
    reason: str
    totp: str
    at: datetime
    stepped_up_at: datetime | None = None


class _Case:
    """One vote on one locked approval."""

    def __init__(self, connection: Connection, approval: Approval, cast: _Cast, settings: Settings) -> None:
        self.connection, self.approval, self.cast, self.settings = connection, approval, cast, settings
        self.person = people.find(connection, cast.ref)
        self.actor = f"person:{self.person.email}" if self.person else str(cast.ref)

    def outcome(self) -> Outcome:
        """Everything that may stand against the vote, in the order in which it may be told; then the vote."""
        if stranger := rules.stranger(self.approval, self.person):
            return self._refused(stranger)
        assert self.person is not None
        if ended := self._ended():
            return ended
        before = approvals.ballots(self.connection, self.approval.id)
        mine = next((ballot for ballot in before if ballot.person_id == self.person.id), None)
        if refusal := rules.refusal(self.approval, self.person, self.cast.vote, before):
            repeated = mine is not None and mine.account == str(self.cast.ref)
            return self._answer(refusal.code, refusal.message) if repeated else self._refused(refusal)
        stepped_up = rules.needs_stepup(self.approval, self.cast.vote, self.cast.via)
        if stepped_up and (refusal := self._step_up(self.person)):
            return self._answer(refusal.code, refusal.message)
        return self._vote(self.person, before, stepped_up)

    def _ended(self) -> Outcome | None:
        approval, at = self.approval, self.cast.at
        if approval.status is not ApprovalStatus.PENDING:
            return self._answer(Code.ALREADY_DECIDED, self._who_decided())
        if approval.expires_at <= at:
            self.approval = self._end(ApprovalStatus.EXPIRED, None)
            approvals.ended_by_itself(self.connection, self.approval, "nobody decided in time", at, self.settings)
            return self._answer(Code.EXPIRED, f"This expired at {approval.expires_at:%H:%M:%S} UTC; nothing was done.")
        because = _void_because(self.connection, approval)
        if because is None:
            return None
        self.approval = self._end(ApprovalStatus.VOID, None, because)
        approvals.ended_by_itself(self.connection, self.approval, because, at, self.settings)
        return self._answer(Code.VOID, f"This is void: {because}. Nothing was done.")

    def _step_up(self, person: Person) -> Refusal | None:
        """None when the second factor holds; its use, or the failed attempt, is recorded either way."""
        if not self.cast.totp and self._shown_in_session():
            self._record(AuditAction.STEPUP_DECIDED, "accepted", {"for": self.cast.vote, "by": "session"})
            return None
        if not self.cast.totp:
            return Refusal(Code.STEPUP_NEEDED, "This needs the six-digit code of your authenticator.")
        result = step_up(self.connection, person.id, self.cast.totp, now=self.cast.at, settings=self.settings)
        if result is StepUp.ACCEPTED:
            self._record(AuditAction.STEPUP_DECIDED, result.value, {"for": self.cast.vote})
            return None
        refusal = Refusal(*STEPUP_SAYS[result])
        self._record_refusal(AuditAction.STEPUP_DECIDED, result.value, refusal, {"for": self.cast.vote})
        return refusal

    def _shown_in_session(self) -> bool:
        max_age = timedelta(seconds=self.settings.signin.stepup_seconds)
        proven = self.cast.via not in rules.UNPROVEN
        return proven and fresh(self.cast.stepped_up_at, self.cast.at, max_age)

    def _vote(self, person: Person, before: list[Ballot], stepped_up: bool) -> Outcome:
        cast = self.cast
        ballot = Ballot(
            person_id=person.id, vote=cast.vote, via=cast.via, account=str(cast.ref), stepped_up=stepped_up,
            reason=cast.reason, at=cast.at,
        )  # fmt: skip
        counted = [*votes.standing(self.connection, self.approval, before), ballot]
        votes.cast(self.connection, self.approval, ballot)
        self._break_glass(person)
        status = rules.status_after(self.approval, counted)
        if status is ApprovalStatus.PENDING:
            return self._counted(person, len(counted))
        self.approval = self._end(status, person, cast.reason)
        summary = f"{person.name} {'approved' if status is ApprovalStatus.APPROVED else 'denied'} via {cast.via}"
        self._note(status.value, summary, {"reason": cast.reason, "via": cast.via, "stepped_up": stepped_up})
        self._tell(Topic.APPROVAL_DECIDED)
        return self._answer(Code.DECIDED, f"{summary}.")

    def _counted(self, person: Person, count: int) -> Outcome:
        share = f"{count} of {self.approval.votes_needed}"
        summary = f"{person.name} gave vote {share} via {self.cast.via}"
        self._note(f"vote {share}", summary, {"reason": self.cast.reason, "via": self.cast.via})
        self._tell(Topic.APPROVAL_VOTED)
        return self._answer(
            Code.VOTE_COUNTED, f"Your vote counts ({share}). A different person must give the next one."
        )

    def _break_glass(self, person: Person) -> None:
        """A yes that only the break-glass role makes possible is written down as what it is."""
        roles = person.roles_in(self.approval.tenant_id) - {Role.BREAK_GLASS}
        approval = self.approval
        if self.cast.vote == "approve" and not may_decide(
            roles, approval.gate, approval.risk, containment=approval.containment, affected=False
        ):
            self.approval = approvals.want_ratified(self.connection, approval, self.cast.at + RATIFY_WITHIN)
            self._record(AuditAction.BREAKGLASS_USED, "ok", {"for": self.cast.vote})
            self._tell(Topic.APPROVAL_DECIDED, page=True)

    def _end(self, status: ApprovalStatus, person: Person | None, reason: str | None = None) -> Approval:
        """The one conditional update: only what is pending ends, and an answer only comes before the deadline."""
        row = self.connection.execute(
            _DECIDE,
            {
                "id": self.approval.id, "status": status.value, "now": self.cast.at, "reason": reason,
                "person": person.id if person else None, "via": self.cast.via if person else None,
            },
        ).one()  # fmt: skip
        return approvals.from_row(row)

    def _tell(self, topic: Topic, *, page: bool = False) -> None:
        approvals.tell(self.connection, self.approval, topic, now=self.cast.at, settings=self.settings, page=page)

    def _note(self, outcome: str, summary: str, detail: dict[str, object]) -> None:
        approvals.note(
            self.connection, self.approval, AuditAction.APPROVAL_DECIDED,
            outcome=outcome, actor=self.actor, summary=summary, now=self.cast.at, detail=detail,
        )  # fmt: skip

    def _refused(self, refusal: Refusal) -> Outcome:
        told: dict[str, object] = {"code": refusal.code, "vote": self.cast.vote}
        self._record_refusal(AuditAction.ACTION_DENIED, "refused", refusal, told)
        return self._answer(refusal.code, refusal.message)

    def _record_refusal(self, action: AuditAction, outcome: str, refusal: Refusal, detail: dict[str, object]) -> None:
        """Counted always, told in the trail while it is news."""
        times = refusals.count(self.connection, self.approval, self.actor, refusal.code)
        if rules.worth_an_entry(times):
            self._record(action, outcome, {**detail, "times": times})

    def _record(self, action: AuditAction, outcome: str, detail: dict[str, object]) -> None:
        audit.append(
            self.connection, self.approval.tenant_id, action, actor=self.actor, at=self.cast.at,
            subject=f"approval:{self.approval.id}", incident_id=self.approval.incident_id,
            plan_hash=self.approval.plan_hash, outcome=outcome,
            detail={"via": self.cast.via, "account": str(self.cast.ref), **detail},
        )  # fmt: skip

    def _answer(self, code: Code, message: str) -> Outcome:
        decided_by = _name(self.connection, self.approval)
        return Outcome(
            status=self.approval.status, code=code, message=message, decided_by=decided_by, approval=self.approval
        )

    def _who_decided(self) -> str:
        approval = self.approval
        who = _name(self.connection, approval)
        if who is None or approval.status not in (ApprovalStatus.APPROVED, ApprovalStatus.DENIED):
            return f"This is {approval.status.value} already ({approval.reason or 'nobody decided in time'})."
        when = f"{approval.decided_at:%H:%M:%S} UTC" if approval.decided_at else "before"
        return f"{who} has {approval.status.value} this via {approval.via} at {when}; your click changes nothing."


_DECIDE = text("""
    update approvals set status = :status, decided_at = :now, decided_by = :person, via = :via, reason = :reason
    where id = :id and status = 'pending' and (cast(:person as uuid) is null or expires_at > :now)
    returning *""")


def _void_because(connection: Connection, approval: Approval) -> str | None:
    """Holds the question against the world as it is: the frozen plan is read again and its hash made again."""
    if approval.change_id is not None:
        return flag_changes.void_because(connection, approval.change_id, approval.plan_hash)
    row = connection.execute(
        text(
            "select i.status = 'resolved' as ended, d.superseded_at is null as in_force, d.body::text as body"
            " from incidents i, decisions d where i.id = :incident and d.id = :decision"
        ),
        {"incident": approval.incident_id, "decision": approval.decision_id},
    ).one()
    try:
        plan_hash = of_decision(Decision.model_validate_json(row.body)) if row.in_force else None
    except ValidationError:
        plan_hash = None
    return rules.void_because(approval, plan_hash=plan_hash, incident_ended=row.ended)


def _name(connection: Connection, approval: Approval) -> str | None:
    if approval.decided_by is None:
        return None
    decider = people.get(connection, approval.decided_by)
    return decider.name if decider else None


def _unknown(connection: Connection, cast: _Cast, approval_id: object) -> Outcome:
    audit.append(
        connection, NO_TENANT, AuditAction.ACTION_DENIED, actor=str(cast.ref), at=cast.at,
        subject=f"approval:{str(approval_id)[:64]}", outcome="refused",
        detail={"code": Code.UNKNOWN, "via": cast.via, "vote": cast.vote},
    )  # fmt: skip
    return Outcome(status=ApprovalStatus.VOID, code=Code.UNKNOWN, message="There is no such approval here.")
