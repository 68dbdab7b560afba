"""Who wants containment ended. What two people said is kept; whether it is enough is the caller's rule."""

from datetime import datetime

from sqlalchemy import Connection, text

from spine.lease import Lease


def say(connection: Connection, lease: Lease, *, actor: str, reason: str, now: datetime) -> bool:
    """Note that `actor` wants `lease` ended; said again it counts from then on. True when it was not known before."""
    known = connection.execute(
        text("select from lease_releases where lease_id = :l and actor = :a"), {"l": lease.id, "a": actor}
    ).one_or_none()
    connection.execute(
        text(
            "insert into lease_releases(lease_id, tenant_id, actor, reason, at) values(:l, :t, :a, :r, :now)"
            " on conflict (lease_id, actor) do update set reason = excluded.reason, at = excluded.at"
        ),
        {"l": lease.id, "t": lease.tenant_id, "a": actor, "r": reason, "now": now},
    )
    return known is None


def said(connection: Connection, lease: Lease, *, since: datetime) -> list[str]:
    """Who said so at `since` or later, by name."""
    rows = connection.execute(
        text("select actor from lease_releases where lease_id = :l and at >= :since order by actor"),
        {"l": lease.id, "since": since},
    )
    return [row.actor for row in rows]
