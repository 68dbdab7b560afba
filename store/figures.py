"""Figures for monitoring, counted over the truth in PostgreSQL: every gateway, asked at any time, tells the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

BUCKETS: tuple[float, ...] = (1, 5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 86400)
"""Upper bounds of response times in seconds: from what is automatic to what takes people a day."""
MILESTONES = {
    "detect": ("first_event_at", "opened_at"),
    "acknowledge": ("opened_at", "acknowledged_at"),
    "mitigate": ("opened_at", "mitigated_at"),
    "resolve": ("opened_at", "resolved_at"),
}
"""What is measured of every incident: from which moment to which."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """How long something took, over all incidents of one kind and severity."""

    labels: tuple[str, ...]
    """kind, severity."""
    below: tuple[int, ...]
    """For each of BUCKETS how many took no longer, then how many there are."""
    total_seconds: float


def response_times(connection: Connection, milestone: str) -> list[Distribution]:
    """The distribution of one of MILESTONES, drills left out."""
    since, until = MILESTONES[milestone]
    took = f"greatest(0, extract(epoch from {until} - {since}))"
    below = ", ".join(f"count(*) filter (where {took} <= {bound:g})" for bound in BUCKETS)
    rows = connection.execute(
        text(
            f"select kind, severity, {below}, count(*), sum({took}) from incidents"  # noqa: S608 - our own columns
            f" where {until} is not null and not synthetic group by kind, severity order by kind, severity"
        )
    )
    return [
        Distribution((row[0], str(row[1])), tuple(int(n) for n in row[2:-1]), float(row[-1])) for row in rows
    ]  # fmt: skip


def pending_approvals(connection: Connection, now: datetime) -> list[tuple[str, int, float]]:
    """Gate, how many wait behind it, and for how many seconds the oldest has; drills left out."""
    rows = connection.execute(
        text(
            "select gate, count(*) as n, min(requested_at) as oldest from approvals"
            " where status = 'pending' and not synthetic group by gate order by gate"
        )
    )
    return [(row.gate, row.n, (now - row.oldest).total_seconds()) for row in rows]


def refused_votes(connection: Connection) -> list[tuple[str, int]]:
    """Why votes were refused, and how often."""
    rows = connection.execute(text("select code, sum(times) as n from approval_refusals group by code order by code"))
    return [(row.code, int(row.n)) for row in rows]


def live_by_tenant(connection: Connection, tenants: Sequence[str]) -> list[tuple[str, str, int]]:
    """Tenant, severity, and how many incidents of it are live; `tenants` only, drills left out."""
    rows = connection.execute(
        text(
            "select tenant_id, severity, count(*) as n from incidents where status <> 'resolved' and not synthetic"
            " and tenant_id = any(:tenants) group by 1, 2 order by 1, 2"
        ),
        {"tenants": list(tenants)},
    )
    return [(row.tenant_id, str(row.severity), row.n) for row in rows]


def waiting(connection: Connection, now: datetime) -> list[tuple[str, int, float]]:
    """Channel, how many messages wait in it, and for how many seconds the oldest has."""
    rows = connection.execute(
        text(
            "select channel, count(*) as n, min(created_at) as oldest from outbox where status = 'pending'"
            " group by channel order by channel"
        )
    )
    return [(row.channel, row.n, (now - row.oldest).total_seconds()) for row in rows]


def audit_entries(connection: Connection) -> int:
    """How many entries all audit chains have."""
    return int(connection.execute(text("select coalesce(sum(seq), 0) from audit_heads")).scalar_one())


def database_bytes(connection: Connection) -> int:
    """How much room the database takes."""
    return int(connection.execute(text("select pg_database_size(current_database())")).scalar_one())


def overdue_leases(connection: Connection, now: datetime) -> int:
    """Mitigations that are in force after their end."""
    query = "select count(*) from leases where state in ('active', 'verified') and expires_at < :now and not shadow"
    return int(connection.execute(text(query), {"now": now}).scalar_one())
