"""How things stand, for one person: what is open and what waits, in their tenants."""

from sqlalchemy import Connection, text

from spine.person import PersonRef
from spine.severity import Severity
from store import approvals, people

_SHOWN = 10


def standing(connection: Connection, ref: PersonRef) -> str:
    """A few lines. Somebody unknown, or without a role, learns nothing."""
    person = people.find(connection, ref)
    if person is None or not person.roles:
        return "You have no role here. Ask for one: `opsspine people add`."
    rows = connection.execute(
        text(
            "select tenant_id, kind, severity, status, first_event_at from incidents where status <> 'resolved'"
            " and not synthetic order by severity desc, opened_at"
        )
    )
    live = [row for row in rows if person.roles_in(row.tenant_id)]
    lines = [
        f"[{Severity(row.severity).label}] {row.kind} {row.tenant_id} {row.status} since {row.first_event_at:%H:%M} UTC"
        for row in live[:_SHOWN]
    ]
    waiting = [a for a in approvals.pending(connection) if person.roles_in(a.tenant_id)]
    lines += [
        f"approval {a.id} ({a.gate.label}, {a.tenant_id}) expires at {a.expires_at:%H:%M} UTC" for a in waiting[:_SHOWN]
    ]
    return "\n".join([f"{len(live)} open incidents, {len(waiting)} approvals wait.", *lines])
