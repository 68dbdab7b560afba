"""Notifications: what is told, to whom, and how hard we try."""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from spine.errors import Transient
from spine.ids import TenantId
from spine.severity import Severity


class Topic(StrEnum):
    """What a notification is about."""

    INCIDENT_OPENED = "incident.opened"
    INCIDENT_UPDATED = "incident.updated"
    INCIDENT_ESCALATED = "incident.escalated"
    INCIDENT_ACKNOWLEDGED = "incident.acknowledged"
    """Somebody has taken it on: whoever was paged may go back to sleep."""
    INCIDENT_RESOLVED = "incident.resolved"
    APPROVAL_REQUESTED = "approval.requested"
    APPROVAL_VOTED = "approval.voted"
    """A vote counts, and another person's is still needed."""
    APPROVAL_DECIDED = "approval.decided"
    MITIGATION_APPLIED = "mitigation.applied"
    MITIGATION_REVERTED = "mitigation.reverted"
    VERIFICATION_COMPLETED = "verification.completed"
    USER_NOTIFY = "user.notify"
    """Something the application is asked to tell one of its users; webhooks only."""
    PAGE = "page"
    """One person on call is called, by a way of their own (spine/oncall)."""
    INCIDENT_CARD = "incident.card"
    """The first message of an incident's thread is brought up to date; written by the relay alone."""
    REPORT_WEEK = "report.week"
    """What a tenant's last week was like; about no single incident."""
    DIGEST = "digest"
    """Many messages of a storm in one; written by the relay alone."""


APPROVALS = frozenset({Topic.APPROVAL_REQUESTED, Topic.APPROVAL_VOTED, Topic.APPROVAL_DECIDED})
PAGES = frozenset({Topic.INCIDENT_OPENED, Topic.INCIDENT_ESCALATED, Topic.APPROVAL_REQUESTED})
"""What asks a person to act. A critical one of these must reach somebody, whatever rules say."""
READ_BY_PEOPLE = frozenset({"slack", "email", "apprise"})
"""Channels in which a storm is folded; a program behind a webhook wants every event."""
_ONE_BY_ONE = APPROVALS | {Topic.PAGE, Topic.INCIDENT_ACKNOWLEDGED, Topic.INCIDENT_CARD}


def foldable(topic: Topic, severity: Severity, channel: str) -> bool:
    """True when a storm may fold the message into a digest: never a critical one, an approval or a page."""
    return channel in READ_BY_PEOPLE and severity < Severity.CRITICAL and topic not in _ONE_BY_ONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One row of the outbox: one message for one channel."""

    id: UUID
    tenant_id: TenantId
    incident_id: UUID | None
    channel: str
    target: str = ""
    """Where in the channel; "" = where it goes by its settings."""
    topic: Topic
    severity: Severity
    payload: dict[str, Any]
    created_at: datetime
    attempts: int
    """Deliveries begun, the present one included."""
    deferrals: int
    """Deliveries that cost no attempt, and of which nobody knows whether they arrived."""
    receipt: dict[str, Any] | None = None
    """Of an earlier delivery: an updated digest knows where it stands."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the other side answered; kept with the row."""

    detail: dict[str, Any] = field(default_factory=dict)


class Deferred(Transient):
    """The channel, not the message, is the trouble (down, or it asks for patience).

    The message keeps all its attempts, and the whole channel waits; with a `lane` only what takes the same one.
    `unsent`: the other side said that it did not take the message, so that nobody has to look whether it did.
    """

    def __init__(
        self, message: str, *, retry_after: timedelta | None = None, lane: str = "", unsent: bool = False
    ) -> None:
        super().__init__(message)
        self.retry_after, self.lane, self.unsent = retry_after, lane, unsent


class NotYet(Transient):
    """Something must happen first (an update waits for the message it updates); asked again in a moment."""


_FIRST = timedelta(seconds=2)
_LONGEST = timedelta(minutes=5)
_LONGEST_OUTAGE = timedelta(seconds=60)


def backoff(attempt: int, *, outage: bool = False) -> timedelta:
    """How long to wait after failure number `attempt` (from 1): doubling, capped, half of it random.

    The jitter keeps many relays from returning in step; an outage is probed at least once a minute.
    """
    longest = _LONGEST_OUTAGE if outage else _LONGEST
    full = min(longest, _FIRST * int(2 ** min(attempt - 1, 16)))
    return full / 2 + random.random() * full / 2  # noqa: S311 - spreads load, guards nothing
