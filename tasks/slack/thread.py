"""Threads: where a message of an incident stands, and what brings the first one up to date."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection

from spine.card import Card, card
from spine.ids import IncidentId
from spine.message import Edit, Message
from spine.notification import APPROVALS, Notification, Receipt, Topic
from spine.settings import Settings
from store import incidents, outbox, slack_posts
from store.slack_posts import Post, post_id

CHANNEL = "slack"
LANE = "slack/chat.update"
"""What is held where Slack asks for patience with edits, and with nothing else."""
_RECENT = timedelta(days=1)
"""For so long after its end an incident's first message is still kept current."""


def refresh(connection: Connection, settings: Settings, now: datetime) -> None:
    """Have every thread's first message edited that shows less than is known; once an interval each, at most."""
    pause = timedelta(seconds=settings.slack.edit_seconds)
    held = outbox.held_until(connection, LANE) or now
    for one in slack_posts.stale(connection, now, now - _RECENT):
        post = one.post
        asks = {"approval": str(post.approval_id)} if post.approval_id else {}
        outbox.put(
            connection, post.tenant_id, Topic.INCIDENT_CARD, {"incident": str(post.incident_id), **asks},
            severity=one.severity, incident_id=post.incident_id, dedupe=f"card:{post.id}:{one.lines}:{post.turn}",
            now=now, due=max(now, held, post.edited_at + pause),
            channels=[f"{CHANNEL}:{post.target}" if post.target else CHANNEL],
        )  # fmt: skip


def placed(connection: Connection, row: Notification, message: Message, settings: Settings) -> Message:
    """The message with its place: an edit of one that is there, a reply, or the first of its incident's thread."""
    root = slack_posts.root(connection, row.incident_id, row.target) if row.incident_id else None
    about = _asked(message) or row.incident_id
    if about is None or row.topic is Topic.USER_NOTIFY:
        return message
    own = root if row.topic is Topic.INCIDENT_CARD else _own(connection, row, about, root)
    if own is not None:
        begun = slack_posts.begin(connection, own.id)
        shown = _card(connection, own.incident_id) if own.root else None
        edit = Edit(post=own.id, turn=begun, lines=shown.lines if shown else 0, over=shown.over if shown else False)
        under = root.where if root is not None and not own.root else None
        return _linked(replace(message, replaces=own.where, follows=under, card=shown, edit=edit), settings)
    if root is not None:
        asks = message.question is not None and message.question.open
        return replace(message, replaces=None, follows=root.where, broadcast=asks)
    first = _card(connection, row.incident_id) if row.incident_id else None
    return _linked(replace(message, replaces=None, follows=None, card=first), settings)


def landed(connection: Connection, row: Notification, message: Message, receipt: Receipt, now: datetime) -> bool:
    """Note where the message stands; False = another edit of it raced with this one, and it is to be made again."""
    where = receipt.detail
    if message.edit is not None:
        outbox.release(connection, LANE)
        edit = message.edit
        return slack_posts.finish(
            connection, edit.post, edit.turn, edit.lines, where, settled=edit.over, now=now
        )  # fmt: skip
    approval, first = _asked(message), message.card
    about = approval or row.incident_id
    if about is not None and (approval is not None or first is not None):
        slack_posts.register(
            connection, post_id(row.tenant_id, about, row.target), row.tenant_id, row.incident_id, approval=approval,
            target=row.target, root=first is not None, outbox=row.id, lines=first.lines if first else 0, where=where,
            settled=first.over if first else False, now=now,
        )  # fmt: skip
    return True


def _own(connection: Connection, row: Notification, about: UUID, root: Post | None) -> Post | None:
    """The message that this one is a newer version of."""
    found = slack_posts.get(connection, post_id(row.tenant_id, about, row.target))
    if row.topic in APPROVALS:
        return found
    return root if root is not None and root.outbox_id == row.id else None


def _asked(message: Message) -> UUID | None:
    return message.question.approval if message.question else None


def _card(connection: Connection, incident: UUID | None) -> Card | None:
    if incident is None:
        return None
    found = incidents.get(connection, IncidentId(incident))
    return card(found, incidents.timeline(connection, found.id))


def _linked(message: Message, settings: Settings) -> Message:
    """The first message of a thread leads to the incident in the console."""
    if message.card is None:
        return message
    page = f"{settings.gateway.url}/admin/auth-ops/incidents/{message.data['incident']}"
    return replace(message, link=page)
