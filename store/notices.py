"""Notices to users: rows of the outbox, at most one a user and hour."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, text

from spine.ids import TenantId
from spine.notification import Topic
from spine.severity import Severity
from store import outbox

CHANNEL = "webhook"
"""Only the application knows where its users can be reached."""
APART = timedelta(hours=1)
"""Between two notices to one user. Source: RUNBOOKS 0."""


def notify(
    connection: Connection,
    tenant: TenantId,
    users: Sequence[str],
    message: str,
    *,
    lease: UUID,
    incident: UUID,
    severity: Severity,
    now: datetime,
) -> int:
    """Write a notice to every user who had none within the hour; written again it changes nothing. Returns how many.

    Two callers at once take turns, so that a user hears of one of them only.
    """
    connection.execute(text("select pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"notices:{tenant}"})
    told = noticed(connection, tenant, users, now - APART)
    fresh = [user for user in dict.fromkeys(users) if user not in told]
    for user in fresh:
        outbox.put(
            connection, tenant, Topic.USER_NOTIFY,
            {"incident": str(incident), "lease": str(lease), "user": user, "message": message},
            severity=severity, incident_id=incident, dedupe=f"{lease}:{_short(user)}", now=now, channels=[CHANNEL],
        )  # fmt: skip
    return len(fresh)


def noticed(connection: Connection, tenant: TenantId, users: Sequence[str], since: datetime) -> dict[str, UUID]:
    """Which of the users have had a notice written since then, with the lease it was for."""
    rows = connection.execute(
        text(
            "select payload->>'user' as name, payload->>'lease' as lease from outbox"
            " where channel = :channel and created_at > :since and tenant_id = :tenant and topic = :topic"
            " and payload->>'user' = any(:users) order by created_at"
        ),
        {
            "channel": CHANNEL, "since": since, "tenant": tenant, "topic": Topic.USER_NOTIFY.value,
            "users": list(users),
        },
    )  # fmt: skip
    return {row.name: UUID(row.lease) for row in rows}


def _short(user: str) -> str:
    return hashlib.sha256(user.encode()).hexdigest()[:32]
