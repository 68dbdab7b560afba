"""What is stored of one drill, beside its own row: its evidence, and whom it told."""

from sqlalchemy import Connection, text

from spine.event import Event
from spine.event_type import EventType
from spine.ids import IncidentId, TenantId
from store.stage import cursor_of

_EVIDENCE = """
select id, type, occurred_at, user_id, provider, host(ip), country, user_agent, session_id, resource_tenant_id,
  attributes
from auth_ops_logs where tenant_id = %(tenant)s and synthetic and drill_id = %(drill)s order by occurred_at, id"""


def evidence_of(connection: Connection, tenant: TenantId, drill_id: str) -> list[Event]:
    """The drill's events as ingest stored them, oldest first, without its marks: for windows of its own."""
    with cursor_of(connection) as cursor:
        rows = cursor.execute(_EVIDENCE, {"tenant": tenant, "drill": drill_id}).fetchall()
    names = ("user_id", "provider", "ip", "country", "user_agent", "session_id", "resource_tenant_id", "attributes")
    return [
        Event(
            id=row[0], type=EventType(row[1]), occurred_at=row[2], tenant_id=tenant,
            **dict(zip(names, row[3:], strict=True)),
        )
        for row in rows
    ]  # fmt: skip


def topics_told(connection: Connection, incident: IncidentId) -> list[str]:
    """The topics of every message that was written about an incident."""
    query = text("select distinct topic from outbox where incident_id = :i order by topic")
    return list(connection.execute(query, {"i": incident}).scalars())
