"""Approvals: a person's yes or no to a frozen plan. Pure rules; store/decide.py applies them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from spine.ids import ApprovalId, ChangeId, DecisionId, IncidentId, PersonId, TenantId, derive
from spine.person import Person, Role
from spine.plan import Gate, Risk
from spine.policy import may_decide, may_refuse, requester_may_vote

Vote = Literal["approve", "deny"]
Via = Literal["slack", "prefect", "cli", "api", "console"]
UNPROVEN: frozenset[Via] = frozenset({"prefect", "cli"})
"""Ways in where anybody can type any name: there the second factor also proves who it is."""


_EACH = 5
"""So many refusals of one kind are audited one by one."""


class ApprovalStatus(StrEnum):
    """Where an approval stands. All but PENDING are ends."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    VOID = "void"
    """Its plan no longer stands: superseded, changed, or the incident ended."""


class Code(StrEnum):
    """What came of a vote; stable and machine-readable."""

    DECIDED = "approval.decided"
    RATIFIED = "approval.ratified"
    NOTHING_TO_RATIFY = "approval.nothing_to_ratify"
    VOTE_COUNTED = "approval.vote_counted"
    ALREADY_DECIDED = "approval.already_decided"
    ALREADY_VOTED = "approval.already_voted"
    EXPIRED = "approval.expired"
    VOID = "approval.void"
    UNKNOWN = "approval.unknown"
    NOT_ALLOWED = "approval.not_allowed"
    SELF = "approval.self"
    AFFECTED = "approval.affected"
    STEPUP_NEEDED = "stepup.needed"
    STEPUP_REFUSED = "stepup.refused"
    STEPUP_LOCKED = "stepup.locked"
    STEPUP_NOT_ENROLLED = "stepup.not_enrolled"
    STEPUP_UNAVAILABLE = "stepup.unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A question to people, as stored: about some steps of one plan, or about one change of a flag.

    Either `incident_id` and `decision_id` are set, or `change_id` is.
    """

    id: ApprovalId
    tenant_id: TenantId
    incident_id: IncidentId | None
    decision_id: DecisionId | None
    change_id: ChangeId | None = None
    gate: Gate
    steps: tuple[int, ...]
    plan_hash: str
    risk: Risk
    synthetic: bool = False
    """True of a drill's question: nothing real hangs on it."""
    containment: bool
    requester: str
    requested_by: PersonId | None
    """None = the engine asks."""
    barred: frozenset[PersonId]
    status: ApprovalStatus
    votes_needed: int
    requested_at: datetime
    expires_at: datetime
    decided_at: datetime | None = None
    decided_by: PersonId | None = None
    via: str | None = None
    reason: str | None = None
    ratify_by: datetime | None = None
    """Set when break-glass was used: without another person's word by then, what it let through is taken back."""
    ratified_by: PersonId | None = None
    ratified_at: datetime | None = None
    flow_run_id: UUID | None = None
    """The suspended run that waits for the answer."""
    resumed_at: datetime | None = None
    prompt: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ballot:
    """One counted vote."""

    person_id: PersonId
    vote: Vote
    via: str
    account: str
    stepped_up: bool
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a vote does not count, in words for whoever cast it."""

    code: Code
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one call of `decide`."""

    status: ApprovalStatus
    """Where the approval stands now; for an id that is none, VOID."""
    code: Code
    message: str
    decided_by: str | None = None
    """The name of whoever decided, once somebody has."""
    approval: Approval | None = None

    @property
    def counted(self) -> bool:
        """True when this very call's vote counts."""
        return self.code in (Code.DECIDED, Code.VOTE_COUNTED, Code.RATIFIED)


def worth_an_entry(times: int) -> bool:
    """True when the refusal number `times` of one person at one approval is audited: 1 to 5, 10, 20, 40 …

    Each entry carries the number, so that the trail tells how often; ten thousand clicks make fifteen entries.
    """
    if times <= _EACH:
        return True
    doublings, rest = divmod(times, _EACH)
    return rest == 0 and doublings & (doublings - 1) == 0


def approval_id(tenant: TenantId, decision: UUID, gate: Gate, steps: Sequence[int]) -> ApprovalId:
    """One question per decision, gate and steps, however often a run asks it."""
    return ApprovalId(derive("approval", tenant, decision, gate.label, *sorted(steps)))


def void_because(approval: Approval, *, plan_hash: str | None, incident_ended: bool) -> str | None:
    """Why `approval` no longer asks a question that stands, or None.

    `plan_hash` is that of the decision in force now; None = it was superseded or is gone.
    """
    if incident_ended:
        return "the incident has ended"
    if plan_hash != approval.plan_hash:
        return "its plan was replaced or changed after it was asked for"
    return None


def needs_stepup(approval: Approval, vote: Vote, via: Via) -> bool:
    """True when the vote needs a fresh code: every yes behind a gate, and a no where names prove nothing."""
    return approval.gate >= Gate.STEP_UP if vote == "approve" else via in UNPROVEN


def stranger(approval: Approval, person: Person | None) -> Refusal | None:
    """Refuses whoever has no say in this tenant, and tells them nothing of the approval.

    Nobody known and nobody allowed get the same answer: who has which role is not told to strangers. Who is there
    for drills only has a say in nothing else, whatever their roles.
    """
    belongs = person is not None and (approval.synthetic or not person.drill)
    if belongs and person is not None and may_refuse(person.roles_in(approval.tenant_id)):
        return None
    return Refusal(Code.NOT_ALLOWED, "You may not decide this. Ask a responder or incident commander of this tenant.")


def refusal(approval: Approval, person: Person, vote: Vote, ballots: Sequence[Ballot]) -> Refusal | None:
    """Why this person's vote may not count, or None when it may (the second factor not yet looked at)."""
    if no_say := stranger(approval, person):
        return no_say
    if any(ballot.person_id == person.id for ballot in ballots):
        return Refusal(Code.ALREADY_VOTED, "Your vote is counted already; somebody else must give the next one.")
    return None if vote == "deny" else _no_yes(approval, person)


def _no_yes(approval: Approval, person: Person) -> Refusal | None:
    """Why somebody who may say no may not say yes."""
    if person.id in approval.barred:
        return Refusal(Code.AFFECTED, "The incident is about your own account: somebody else must approve.")
    if person.id == approval.requested_by and not requester_may_vote(approval.gate):
        return Refusal(Code.SELF, "You asked for this yourself: somebody else must approve.")
    roles = person.roles_in(approval.tenant_id)
    if not may_decide(roles, approval.gate, approval.risk, containment=approval.containment, affected=False):
        return Refusal(
            Code.NOT_ALLOWED,
            f"Your roles do not reach {approval.risk.value} risk behind the gate {approval.gate.label}. "
            "You may deny; ask an incident commander or security admin to approve.",
        )
    return None


def ratify_refusal(approval: Approval, person: Person, ballots: Sequence[Ballot], now: datetime) -> Refusal | None:
    """Why this person's word may not stand for the break-glass that was used, or None when it may."""
    if no_say := stranger(approval, person):
        return no_say
    if approval.ratify_by is None or approval.status is not ApprovalStatus.APPROVED:
        return _nothing_to_ratify(approval)
    if approval.ratified_at is not None:
        return Refusal(Code.ALREADY_DECIDED, "This is ratified already.")
    if now >= approval.ratify_by:
        return Refusal(Code.EXPIRED, f"It had to be ratified by {approval.ratify_by:%H:%M:%S} UTC; it is taken back.")
    if any(ballot.person_id == person.id for ballot in ballots):
        return Refusal(Code.SELF, "You voted for this yourself: somebody else must ratify it.")
    roles = {tenant: held - {Role.BREAK_GLASS} for tenant, held in person.roles.items()}
    return _no_yes(approval, replace(person, roles=roles))


def _nothing_to_ratify(approval: Approval) -> Refusal:
    if approval.ratify_by is not None and approval.status is ApprovalStatus.VOID:
        return Refusal(Code.VOID, f"This is void already ({approval.reason}): there is nothing left to ratify.")
    return Refusal(Code.NOTHING_TO_RATIFY, "There is nothing to ratify: no break-glass let anything through here.")


def overdue(approval: Approval, now: datetime) -> bool:
    """True when break-glass was used, its time to be ratified is over, and nobody did."""
    return approval.ratify_by is not None and approval.ratified_at is None and approval.ratify_by <= now


def ratification(approval: Approval) -> str:
    """What follows from break-glass, in words; "" when none was used."""
    if approval.ratify_by is None or approval.status is not ApprovalStatus.APPROVED:
        return ""
    if approval.ratified_at is not None:
        return f" Break-glass, ratified at {approval.ratified_at:%H:%M:%S} UTC."
    return (
        f" Break-glass: somebody else must ratify it by {approval.ratify_by:%H:%M:%S} UTC, else it is taken back: "
        f"opsspine approvals ratify {str(approval.id)[:8]} --as <you>"
    )


def status_after(approval: Approval, ballots: Sequence[Ballot]) -> ApprovalStatus:
    """Where an approval stands with these votes: one no ends it, enough different people's yes grant it."""
    if any(ballot.vote == "deny" for ballot in ballots):
        return ApprovalStatus.DENIED
    people = {ballot.person_id for ballot in ballots if ballot.stepped_up} - approval.barred
    if not requester_may_vote(approval.gate):
        people -= {approval.requested_by} if approval.requested_by else set()
    return ApprovalStatus.APPROVED if len(people) >= approval.votes_needed else ApprovalStatus.PENDING
