"""How things stand, for one person: what is open and what waits, in their tenants."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection, text

from spine.approval import Approval, ApprovalStatus
from spine.incident import Incident
from spine.person import Person, PersonRef
from spine.plain import clean, cut
from spine.severity import Severity
from store import approvals, incidents, people

_SHOWN = 10
_LINES = 12
_LINE = 200
_LOOKED_AT = 50
"""Incidents whose id begins alike and are looked through for those of the person's tenants."""
STRANGER = "You have no role here. Ask for one: `opsspine people add`."


def standing(connection: Connection, ref: PersonRef) -> str:
    """A few lines. Somebody unknown, or without a role, learns nothing."""
    person = people.find(connection, ref)
    if person is None or not person.roles:
        return STRANGER
    live = open_incidents(connection, person)
    lines = [f"{_head(incident)} since {incident.first_event_at:%H:%M} UTC" for incident in live[:_SHOWN]]
    waiting = [a for a in approvals.pending(connection) if person.roles_in(a.tenant_id)]
    lines += [
        f"approval {a.id} ({a.gate.label}, {a.tenant_id}) expires at {a.expires_at:%H:%M} UTC" for a in waiting[:_SHOWN]
    ]
    left = max(len(live) - _SHOWN, 0) + max(len(waiting) - _SHOWN, 0)
    more = [f"… and {left} more; the console and `opsspine incidents list` show all of them."] if left else []
    return "\n".join([f"{len(live)} open incidents, {len(waiting)} approvals wait.", *lines, *more])


def open_incidents(connection: Connection, person: Person) -> list[Incident]:
    """The live incidents of the person's tenants, drills apart, the most severe first."""
    live = [i for i in incidents.list_live(connection) if not i.synthetic and person.roles_in(i.tenant_id)]
    return sorted(live, key=lambda incident: (-incident.severity, incident.opened_at))


def named(connection: Connection, person: Person, word: str) -> Sequence[Incident]:
    """The incidents of the person's tenants whose id begins with `word`, live ones first; another tenant's are none."""
    begins = word.strip().lower()
    if len(begins) < 4 or not set(begins) <= set("0123456789abcdef-"):
        return []
    rows = connection.execute(
        text(
            "select id from incidents where starts_with(cast(id as text), :begins)"
            " order by status = 'resolved', opened_at desc limit :most"
        ),
        {"begins": begins, "most": _LOOKED_AT},
    )
    found = [incidents.get(connection, row.id) for row in rows]
    return [incident for incident in found if person.roles_in(incident.tenant_id)]


def account_of(connection: Connection, incident: Incident) -> str:
    """One incident in a few lines: where it stands, how it came to that, and what it waits for."""
    story = incidents.timeline(connection, incident.id)
    seen = f"acknowledged at {incident.acknowledged_at:%H:%M} UTC" if incident.acknowledged_at else "not acknowledged"
    lines = [f"{_head(incident)}, {seen}", cut(clean(incident.title), _LINE)]
    if len(story) > _LINES:
        lines.append(f"… {len(story) - _LINES} earlier lines are in the console")
    lines += [f"{line['at']:%H:%M:%S} {cut(clean(str(line['summary'])), _LINE)}" for line in story[-_LINES:]]
    waiting = pending_of(connection, incident.id)
    return "\n".join(
        lines + [f"waits for approval {a.id} ({a.gate.label}) until {a.expires_at:%H:%M} UTC" for a in waiting]
    )


def pending_of(connection: Connection, incident: UUID) -> list[Approval]:
    """The incident's questions that nobody has answered."""
    asked = approvals.of_incident(connection, incidents.get(connection, incident).id)
    return [approval for approval in asked if approval.status is ApprovalStatus.PENDING]


def _head(incident: Incident) -> str:
    where = f"{incident.kind.value} {clean(incident.tenant_id)} {incident.status.value}"
    return f"[{Severity(incident.severity).label}] {where} {str(incident.id)[:8]}"
