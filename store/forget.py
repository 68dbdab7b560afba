"""What need not be remembered for ever: delivered notifications and answered requests, whose record is the audit; and
what is known of a user who asks for it."""

from datetime import datetime

from sqlalchemy import Connection, text

from spine.ids import TenantId
from store import ceremonies, links, rate, sessions


def forget(connection: Connection, before: datetime) -> int:
    """Delete what was delivered, answered, heard of alerts and of sign-ins ended before `before`; returns how many.

    Undelivered messages stay, and so does everything of an incident that is not resolved: later messages
    update what was posted for it.
    """
    gone = 0
    for statement in (_FOLDED, _SENT, _REQUESTS, _ALERTS):
        gone += connection.execute(statement, {"before": before}).rowcount
    for table in (sessions, ceremonies, links, rate):
        gone += table.forget(connection, before)
    return gone


def forget_user(connection: Connection, tenant: TenantId, user: str) -> int:
    """Delete what is known of a user, deltas included; returns how many rows. The next session is the first again."""
    gone = 0
    for table in _PERSONAL:
        query = text(f"delete from {table} where tenant_id = :tenant and user_id = :user")  # noqa: S608 - constants
        gone += connection.execute(query, {"tenant": tenant, "user": user}).rowcount
    return gone


_PERSONAL = ("auth_sighting_delta", "auth_user_country", "auth_admin_habit", "auth_crossing")
_OVER = (
    "(o.incident_id is null"
    " or not exists (select from incidents i where i.id = o.incident_id and i.status <> 'resolved'))"
)
_FOLDED = text(f"delete from outbox o where o.status = 'folded' and o.created_at < :before and {_OVER}")  # noqa: S608
_SENT = text(
    f"delete from outbox o where o.status = 'sent' and o.sent_at < :before and {_OVER}"  # noqa: S608 - constants
    " and not exists (select from outbox f where f.folded_into = o.id)"
)
_ALERTS = text(f"delete from alerts o where o.received_at < :before and {_OVER}")  # noqa: S608 - constants
_REQUESTS = text("delete from idempotency_keys where first_seen_at < :before and response is not null")
