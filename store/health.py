"""What the database knows about how well the spine is."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class OutboxState:
    """How delivery goes."""

    pending: int
    failed: int
    oldest_age: timedelta | None
    """How long the oldest waiting message has waited."""
    last_error: str | None
    held: dict[str, str]
    """Channels that are down or asked for patience, and what they said."""


def outbox_state(connection: Connection, now: datetime) -> OutboxState:
    """How many messages wait or were given up, and why."""
    row = connection.execute(
        text(
            "select count(*) filter (where status = 'pending') as pending,"
            " count(*) filter (where status = 'failed') as failed,"
            " min(created_at) filter (where status = 'pending') as oldest,"
            " (array_agg(error order by created_at desc) filter (where error is not null))[1] as error"
            " from outbox where status in ('pending', 'failed')"
        )
    ).one()
    held = connection.execute(text("select channel, error from outbox_channels order by channel"))
    return OutboxState(
        row.pending, row.failed, now - row.oldest if row.oldest else None, row.error,
        {one.channel: one.error for one in held},
    )  # fmt: skip


def counts(connection: Connection, table: str) -> dict[tuple[str, ...], int]:
    """How many rows there are of each kind: of "incidents", "approvals", "leases" or "outbox". Drills are left out:
    nobody shall be woken by one."""
    rows = connection.execute(text(_COUNTS[table]))
    return {tuple(str(value) for value in row[:-1]): row[-1] for row in rows}


_COUNTS = {
    "incidents": "select kind, status, severity, count(*) from incidents where not synthetic group by 1, 2, 3",
    "approvals": "select status, count(*) from approvals where not synthetic group by 1",
    "leases": "select action_key, state, count(*) from leases where not shadow group by 1, 2",
    "outbox": "select channel, status, count(*) from outbox group by 1, 2",
}
