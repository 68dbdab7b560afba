"""From a row of the outbox to a message: what it shows is read now, not when it was written."""

from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from spine.approval import Approval
from spine.errors import Broken
from spine.flag.news import change_message
from spine.ids import ApprovalId, IncidentId
from spine.incident import Incident
from spine.message import Envelope, Message, approval_message, digest_message, incident_message, user_message
from spine.notification import APPROVALS, Notification, NotYet, Topic
from spine.outlook import UNCOUNTED, impact
from spine.plain import clean, cut
from spine.plan import Decision
from spine.report.news import week_message
from spine.settings import Settings
from spine.wording import WORD
from store import approvals, briefing, flag_changes, incidents, outbox, people

_DIGEST_READ = 200


def compose(connection: Connection, row: Notification, settings: Settings) -> Message:
    """The message `row` stands for.

    Raises:
        NotYet: it updates a message that is still to be posted.
        Broken: what it speaks of does not exist.
    """
    if row.topic is Topic.DIGEST:
        listed, total = briefing.folded(connection, row.id, _DIGEST_READ)
        return digest_message(_envelope(row, settings, replaces=row.receipt), listed, total)
    if row.topic is Topic.REPORT_WEEK:
        page = f"{settings.gateway.url}/admin/auth-ops/reports/week"
        return week_message(_envelope(row, settings), row.tenant_id, row.payload, page)
    if row.topic in APPROVALS or (row.topic is Topic.INCIDENT_CARD and "approval" in row.payload):
        return _approval(connection, row, settings)
    incident = incidents.get(connection, IncidentId(_id(row, "incident")))
    if row.topic is Topic.USER_NOTIFY:
        return user_message(_envelope(row, settings), incident, row.payload)
    follows = None
    if row.topic is not Topic.INCIDENT_OPENED and row.incident_id is not None:
        follows = outbox.posted(connection, row.incident_id, row.channel, row.target)
    plan = briefing.latest_decision(connection, incident.id)
    envelope = _envelope(row, settings, follows=follows)
    return incident_message(envelope, incident, plan, row.payload, impact=_impact(incident, plan))


def _approval(connection: Connection, row: Notification, settings: Settings) -> Message:
    approval = approvals.get(connection, ApprovalId(_id(row, "approval")))
    if approval is None:
        raise Broken(f"the outbox speaks of approval {row.payload['approval']}, which does not exist")
    prompt = _prompt(connection, row, approval) if row.channel == "slack" else None
    lost = row.channel == "slack" and row.topic is not Topic.APPROVAL_REQUESTED and prompt is None
    if lost and briefing.prompt_is_coming(connection, approval.id, row.channel, row.target):
        raise NotYet("the prompt it answers is not posted yet")
    if approval.change_id is not None:
        return _change(connection, _envelope(row, settings, replaces=prompt), approval)
    assert approval.incident_id is not None
    assert approval.decision_id is not None
    incident = incidents.get(connection, approval.incident_id)
    plan = briefing.decision(connection, approval.decision_id)
    if plan is None:
        raise Broken(f"approval {approval.id} asks about decision {approval.decision_id}, which does not exist")
    return approval_message(
        _envelope(row, settings, replaces=prompt), approval, incident, plan, impact=_impact(incident, plan),
        decided_by=_decider(connection, approval), votes=briefing.votes(connection, approval.id),
    )  # fmt: skip


def _change(connection: Connection, envelope: Envelope, approval: Approval) -> Message:
    """The question about a change of a flag."""
    change = flag_changes.get(connection, approval.change_id) if approval.change_id else None
    if change is None:
        raise Broken(f"approval {approval.id} asks about change {approval.change_id}, which does not exist")
    votes, decided_by = briefing.votes(connection, approval.id), _decider(connection, approval)
    return change_message(envelope, approval, change, decided_by=decided_by, votes=votes)


def _decider(connection: Connection, approval: Approval) -> str | None:
    decider = people.get(connection, approval.decided_by) if approval.decided_by else None
    return decider.name if decider else None


def _prompt(connection: Connection, row: Notification, approval: Approval) -> dict[str, Any] | None:
    """Where the question stands at the row's place in Slack, if it was posted there."""
    if row.target:
        return briefing.asked_at(connection, approval.id, row.channel, row.target)
    return approval.prompt


def _envelope(
    row: Notification,
    settings: Settings,
    *,
    replaces: dict[str, Any] | None = None,
    follows: dict[str, Any] | None = None,
) -> Envelope:
    return Envelope(
        id=row.id, topic=row.topic, severity=row.severity, at=row.created_at, app_name=settings.app_name,
        link=settings.prefect.ui_url, replaces=replaces, follows=follows,
    )  # fmt: skip


def _impact(incident: Incident, plan: Decision | None) -> str:
    """`{n}/{pct}` of the last hour where a plan has counted them; else the events of the largest finding."""
    if ill := incident.summary.get("ill"):
        return cut(clean(str(ill[0]["means"])), WORD).rstrip(".")
    counted = impact(plan) if plan else UNCOUNTED
    if counted != UNCOUNTED:
        return counted
    seen = [detector["n"] for detector in incident.summary.get("detectors", {}).values()]
    return f"{max(seen)} events" if seen else "unknown"


def _id(row: Notification, name: str) -> UUID:
    try:
        return UUID(str(row.payload[name]))
    except (KeyError, ValueError) as error:
        raise Broken(f"the outbox row {row.id} ({row.topic.value}) names no {name}") from error
