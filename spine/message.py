"""What people are told: composed from domain objects, the same for every channel. Templates: RUNBOOKS 0."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from spine.approval import Approval, ApprovalStatus, ratification
from spine.audience import beyond
from spine.card import Card
from spine.incident import Incident, IncidentKind, IncidentStatus
from spine.notification import Topic
from spine.plain import clean, cut
from spine.plan import Decision
from spine.severity import Severity
from spine.wording import WORD, blast_lines, evidence_lines, length, step_line, whose

_DIGEST_LINES = 25
_TOLD = ("action", "verdict", "reason", "because", "by", "summary")
"""What of a payload is told as news."""
_CALLS = frozenset({Topic.INCIDENT_OPENED, Topic.INCIDENT_ESCALATED, Topic.PAGE})
"""News by which somebody first hears of an incident: it says whom else to tell."""


@dataclass(frozen=True, slots=True)
class Section:
    """A titled part of a message. The title is ours, the lines may hold text from outside (cleaned)."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The part of a message that can be answered."""

    approval: UUID
    open: bool
    """False: decided, expired or void; no buttons."""
    verdict: str = ""
    """Who decided what, once somebody has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message, ready to be rendered by a notifier."""

    id: UUID
    """The outbox row's: by it a receiver tells a duplicate."""
    tenant: str
    topic: Topic
    severity: Severity
    at: datetime
    title: str
    headline: str
    sections: tuple[Section, ...] = ()
    question: Question | None = None
    link: str | None = None
    data: dict[str, Any] = field(default_factory=dict)
    """Facts for programs."""
    replaces: dict[str, Any] | None = None
    """Receipt of the message this one is a newer version of."""
    follows: dict[str, Any] | None = None
    """Receipt of the message this one belongs under."""
    broadcast: bool = False
    """True = although it follows another one, it is shown to everybody."""
    card: Card | None = None
    """Set when the message opens its incident's thread, and is kept current from then on."""
    edit: "Edit | None" = None
    """Set when it is a newer version of one that others may be editing, too."""
    look_in: dict[str, Any] | None = None
    """Set when an earlier delivery may have got through: receipt of the channel's newest message, {} = unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One edit of a posted message, by which it is known whether another raced with it."""

    post: UUID
    turn: int
    lines: int
    """Of the incident's story, as far as this version knows it."""
    over: bool
    """The incident has ended, as far as this version knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What every message has, whatever it says."""

    id: UUID
    topic: Topic
    severity: Severity
    at: datetime
    app_name: str
    link: str | None = None
    replaces: dict[str, Any] | None = None
    follows: dict[str, Any] | None = None


def incident_message(
    envelope: Envelope, incident: Incident, decision: Decision | None, payload: dict[str, Any], *, impact: str
) -> Message:
    """News of an incident: opened, updated, escalated, resolved, a mitigation, a verdict."""
    lines = [_news(envelope.topic, payload)] if _news(envelope.topic, payload) else []
    sections = [Section("News", tuple(lines))] if lines else []
    sections.append(Section("Evidence", evidence_lines(incident, decision)))
    if decision is not None and decision.steps:
        sections.append(Section("Plan", tuple(step_line(step) for step in decision.steps)))
    if envelope.topic in _CALLS and (lines := list(beyond(incident.kind, incident.severity))):
        sections.append(Section("Beyond on-call", tuple(lines)))
    if envelope.topic is Topic.PAGE:
        sections.insert(0, Section("Take it on", (f"opsspine oncall ack {str(incident.id)[:8]} --as <your address>",)))
    head = headline(incident, decision, impact, _next(incident))
    return _message(envelope, incident, says=_SAYS[envelope.topic], head=head, sections=sections, payload=payload)


def approval_message(
    envelope: Envelope,
    approval: Approval,
    incident: Incident,
    decision: Decision,
    *,
    impact: str,
    decided_by: str | None,
    votes: int,
) -> Message:
    """The question an approver answers: evidence, blast radius, steps; or how it was answered."""
    steps = tuple(step for step in decision.steps if step.order in approval.steps)
    is_open = approval.status is ApprovalStatus.PENDING
    wait = f"answer by {_utc(approval.expires_at)}" if is_open else "nothing, this is answered"
    sections = [
        Section("Evidence", evidence_lines(incident, decision)),
        Section("Blast radius", tuple(line for step in steps for line in blast_lines(step))),
        Section("Plan", tuple(step_line(step) for step in steps)),
        Section("Asked for", (_asked(approval, decision, votes),)),
    ]
    question = Question(approval=approval.id, open=is_open, verdict="" if is_open else verdict(approval, decided_by))
    title = "Approval needed" if is_open else f"Approval {approval.status.value}"
    payload = {"approval": str(approval.id), "status": approval.status.value, "incident": str(incident.id)}
    head = headline(incident, decision, impact, wait)
    filled = [section for section in sections if section.lines]
    return _message(envelope, incident, says=title, head=head, sections=filled, payload=payload, question=question)


def user_message(envelope: Envelope, incident: Incident, payload: dict[str, Any]) -> Message:
    """What the application is asked to tell one of its users, as it stands."""
    return Message(
        id=envelope.id,
        tenant=incident.tenant_id,
        topic=envelope.topic,
        severity=envelope.severity,
        at=envelope.at,
        title=f"{clean(envelope.app_name)}: tell a user",
        headline=cut(clean(str(payload["message"])), 3 * WORD),
        data={"incident": str(incident.id), "user": str(payload["user"]), "message": str(payload["message"])},
    )


def digest_message(envelope: Envelope, folded: Sequence[tuple[Severity, str, str, str]], total: int) -> Message:
    """One message for a storm. `folded`: severity, tenant, topic and title of the first of them, worst first."""
    tenants = len({tenant for _, tenant, _, _ in folded})
    shown = [
        f"[{severity.label}] {clean(tenant)}: {topic}, {cut(clean(title), WORD)}"
        for severity, tenant, topic, title in folded
    ]
    lines = tuple(shown[:_DIGEST_LINES])
    if total > len(lines):
        lines += (f"and {total - len(lines)} more. All of them: `opsspine incidents list`.",)
    return Message(
        id=envelope.id,
        tenant="_",
        topic=envelope.topic,
        severity=envelope.severity,
        at=envelope.at,
        title=f"{envelope.app_name}: {total} messages in a storm",
        headline=f"{total} messages of {tenants}{'+' if total > len(folded) else ''} tenants were folded into this "
        "one. Critical ones and approvals still come one by one.",
        sections=(Section("Worst first", lines),),
        data={"folded": total},
        replaces=envelope.replaces,
    )


def headline(incident: Incident, decision: Decision | None, impact: str, wait: str) -> str:
    """`[{sev}] {type} {tenant} since {utc}. Impact …. Evidence {receipts}. Action {action}, TTL {ttl}. Next {t}.`"""
    steps = [step for step in decision.steps if step.ttl] if decision else []
    receipts = ", ".join(ref.sha256[:8] for ref in decision.evidence[:3]) if decision else "being gathered"
    action, ttl = (steps[0].action_key, length(steps[0])) if steps else ("none yet", "none")
    return (
        f"[{incident.severity.label}] {incident.kind.value} {whose(incident)} since "
        f"{_utc(incident.first_event_at)}. Impact {impact}. Evidence {receipts or 'none'}. "
        f"Action {action}, TTL {ttl}. Next {wait}."
    )


def verdict(approval: Approval, decided_by: str | None) -> str:
    """How a question ended, in a sentence."""
    if approval.status is ApprovalStatus.EXPIRED:
        return f"Expired at {_utc(approval.expires_at)}: nobody decided in time; nothing was done."
    if approval.status is ApprovalStatus.VOID:
        effect = "nothing was done" if approval.decided_by is None else "this yes lets nothing through any more"
        return f"Void: {cut(clean(approval.reason or 'its plan no longer stands'), WORD)}; {effect}."
    when = f" at {_utc(approval.decided_at)}" if approval.decided_at else ""
    because = f" “{cut(clean(approval.reason), WORD)}”" if approval.reason else ""
    who = cut(clean(decided_by or "somebody"), WORD)
    return f"{approval.status.value.capitalize()} by {who} via {approval.via}{when}.{because}{ratification(approval)}"


_SAYS = {
    Topic.INCIDENT_CARD: "Incident",
    Topic.INCIDENT_OPENED: "Incident opened",
    Topic.INCIDENT_UPDATED: "Incident updated",
    Topic.INCIDENT_ESCALATED: "Escalated: a person is needed",
    Topic.INCIDENT_ACKNOWLEDGED: "Acknowledged: somebody has it",
    Topic.INCIDENT_RESOLVED: "Incident resolved",
    Topic.PAGE: "You are called",
    Topic.MITIGATION_APPLIED: "Mitigation in force",
    Topic.MITIGATION_REVERTED: "Mitigation taken back",
    Topic.VERIFICATION_COMPLETED: "Verification completed",
}


def _message(
    envelope: Envelope,
    incident: Incident,
    *,
    says: str,
    head: str,
    sections: Sequence[Section],
    payload: dict[str, Any],
    question: Question | None = None,
) -> Message:
    drill = "DRILL, nothing real: " if incident.synthetic else ""
    return Message(
        id=envelope.id,
        tenant=incident.tenant_id,
        topic=envelope.topic,
        severity=envelope.severity,
        at=envelope.at,
        title=f"{drill}{clean(envelope.app_name)}: {says}: {incident.kind.value} ({whose(incident)})",
        headline=drill + head,
        sections=tuple(sections),
        question=question,
        link=envelope.link,
        data={
            **payload,
            "incident": str(incident.id),
            "type": incident.kind.value,
            "status": incident.status.value,
            "severity": int(incident.severity),
            "since": incident.first_event_at.isoformat(),
            "summary": head,
        },
        replaces=envelope.replaces,
        follows=envelope.follows,
    )


def _news(topic: Topic, payload: dict[str, Any]) -> str:
    said = [str(payload[name]) for name in _TOLD if payload.get(name)]
    return cut(clean(f"{_SAYS[topic]}: {', '.join(said)}"), 2 * WORD) if said else ""


def _asked(approval: Approval, decision: Decision, votes: int) -> str:
    need = f", {votes} of {approval.votes_needed} votes given" if approval.votes_needed > 1 else ""
    if votes and approval.status is ApprovalStatus.PENDING:
        need += ", waiting for another person"
    rollback = cut(clean(decision.rollback_plan.trigger), WORD) if decision.rollback_plan else "by itself"
    who = cut(clean(approval.requester), WORD)
    return f"{approval.gate.label}{need}; plan {approval.plan_hash[:12]}, asked by {who}; rollback: {rollback}"


def _next(incident: Incident) -> str:
    if incident.verify_after is not None:
        return f"verification at {_utc(incident.verify_after)}"
    if incident.kind is IncidentKind.SPINE_HEALTH and incident.status is IncidentStatus.OPEN:
        return "a person looks: opsspine health"
    return {
        IncidentStatus.OPEN: "diagnosis",
        IncidentStatus.MONITORING: "watching",
        IncidentStatus.AWAITING_APPROVAL: "a person's decision",
        IncidentStatus.MITIGATED: "the end of the leases",
        IncidentStatus.ESCALATED: "a person takes over",
        IncidentStatus.RESOLVED: "nothing, it is over",
    }.get(incident.status, incident.status.value.replace("_", " "))


def _utc(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
