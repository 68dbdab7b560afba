"""Questions as somebody sees them: what is asked, whether they may answer, and who has."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from fastapi import Request
from sqlalchemy import Connection

from gateway.auth import Scope
from gateway.caller import Caller
from gateway.console.visitor import may, person_of
from gateway.context import context_of
from spine import approval as rules
from spine.approval import Approval, ApprovalStatus, Ballot
from spine.flag.change import FlagChange
from spine.ids import PersonId
from spine.incident import Incident
from spine.plan import Step
from store import approvals, briefing, flag_changes, people
from store.read import approvals as listed
from store.read import incidents
from store.read.approvals import ApprovalFilter

_MOST = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question, for one visitor."""

    approval: Approval
    incident: Incident | None
    """None = it is about a change of a flag."""
    change: FlagChange | None
    steps: tuple[Step, ...]
    """The steps it is about."""
    ballots: tuple[Ballot, ...]
    names: dict[PersonId, str] = field(default_factory=dict)
    """Who voted, asked, decided and ratified, once `named` has looked them up."""
    why_not: str
    """Why the visitor's yes would not count; "" = it would."""
    deny: bool
    """The visitor's no would count."""
    ratify: bool
    """Break-glass let it through, and the visitor may stand by it."""

    @property
    def pending(self) -> bool:
        """Nobody has decided it."""
        return self.approval.status is ApprovalStatus.PENDING

    @property
    def about(self) -> str:
        """What it is about, in a few words."""
        if self.change is not None:
            return f"change of {self.change.key}"
        return ", ".join(step.action_key for step in self.steps) or f"{len(self.approval.steps)} steps"

    @property
    def votes(self) -> int:
        """How many yeses it has."""
        return sum(ballot.vote == "approve" for ballot in self.ballots)


def asked(request: Request, visitor: Caller) -> list[Asked]:
    """What waits in the visitor's tenant, soonest to expire first."""
    database = context_of(request).database
    with database.tenant(visitor.tenant) as connection:
        found = listed.approvals(
            connection, ApprovalFilter(status=ApprovalStatus.PENDING, drills=True), limit=_MOST
        ).items
        made = [_asked(request, connection, visitor, one) for one in sorted(found, key=lambda one: one.expires_at)]
    return named(request, made)


def of_incident(request: Request, connection: Connection, visitor: Caller, incident: Incident) -> list[Asked]:
    """Everything that was asked for one incident, newest first; without names yet."""
    found = approvals.of_incident(connection, incident.id)
    return [_asked(request, connection, visitor, one) for one in reversed(found)]


def one(request: Request, connection: Connection, visitor: Caller, approval: Approval) -> Asked:
    """One question as the visitor sees it; without names yet."""
    return _asked(request, connection, visitor, approval)


def named(request: Request, found: Sequence[Asked]) -> list[Asked]:
    """The same with names. People stand above tenants, hence the system's role.

    Call it when the tenant's transaction is over: if each of many requests held one connection while it waits for a
    second, all of them would wait for ever.
    """
    wanted = {one.approval.id: _people(one) for one in found}
    ids = set().union(*wanted.values())
    if not ids:
        return list(found)
    with context_of(request).database.system() as connection:
        known = {one: person.name for one in sorted(ids) if (person := people.get(connection, one)) is not None}
    return [replace(one, names={key: known[key] for key in wanted[one.approval.id] if key in known}) for one in found]


def _asked(request: Request, connection: Connection, visitor: Caller, approval: Approval) -> Asked:
    decision = briefing.decision(connection, approval.decision_id) if approval.decision_id else None
    ballots = approvals.ballots(connection, approval.id)
    person = person_of(visitor)
    yes = rules.refusal(approval, person, "approve", ballots)
    no = rules.refusal(approval, person, "deny", ballots)
    decides = may(visitor, Scope.APPROVALS_DECIDE)
    now = context_of(request).clock.now()
    ratify = approval.ratify_by is not None and rules.ratify_refusal(approval, person, ballots, now) is None
    return Asked(
        approval=approval,
        incident=incidents.incident(connection, approval.incident_id) if approval.incident_id else None,
        change=flag_changes.get(connection, approval.change_id) if approval.change_id else None,
        steps=tuple(step for step in decision.steps if step.order in approval.steps) if decision else (),
        ballots=tuple(ballots),
        why_not=yes.message if yes else "" if decides else "Your roles here decide nothing.",
        deny=decides and no is None,
        ratify=decides and ratify,
    )


def _people(one: Asked) -> set[PersonId]:
    """Who voted, asked (not those whose key did), decided and ratified."""
    approval = one.approval
    asker = None if approval.requester.startswith("key:") else approval.requested_by
    told = (approval.decided_by, approval.ratified_by, asker)
    return {ballot.person_id for ballot in one.ballots} | {person for person in told if person}
