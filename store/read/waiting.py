"""What waits for people in one tenant, counted."""

from sqlalchemy import Connection, text

_WAITING = text("""
    select (select count(*) from approvals where status = 'pending') as approvals,
           (select count(*) from incidents where status <> 'resolved' and acknowledged_at is null and not synthetic)
             as incidents""")


def waiting(connection: Connection) -> dict[str, int]:
    """Questions nobody has answered, and live incidents nobody has taken."""
    row = connection.execute(_WAITING).one()
    return {"approvals": row.approvals, "incidents": row.incidents}
