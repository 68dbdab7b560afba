"""Old news is forgotten; what is undelivered, or of a live incident, never."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from spine.ids import TenantId, mint
from spine.notification import Topic
from store import outbox
from store.engine import Database
from store.forget import forget

_NOW = datetime.now(UTC)
_INCIDENT = text(
    "insert into incidents(id, tenant_id, kind, subject, status, severity, title, first_event_at, opened_at,"
    " last_finding_at) values(:id, 'acme', 'FAILED_LOGINS_SPIKE', :subject, :status, 1, 't', now(), now(), now())"
)


def _message(database: Database, *, status: str, incident: str | None) -> None:
    """A message of two months ago, delivered or not, of an incident in this state."""
    key: UUID | None = mint() if incident else None
    with database.system() as connection:
        if incident:
            connection.execute(_INCIDENT, {"id": key, "subject": str(key), "status": incident})
        name = str(mint())
        outbox.put(
            connection, TenantId("acme"), Topic.INCIDENT_OPENED, {}, severity=1, incident_id=key, dedupe=name,
            now=_NOW - timedelta(days=60), channels=["log"],
        )  # fmt: skip
        if status == "sent":
            connection.execute(
                text("update outbox set status = 'sent', sent_at = created_at where dedupe = :d"), {"d": name}
            )


def test_only_delivered_news_of_ended_incidents_is_forgotten(database: Database) -> None:
    _message(database, status="sent", incident="resolved")
    _message(database, status="sent", incident=None)
    _message(database, status="sent", incident="mitigated")
    _message(database, status="pending", incident="resolved")
    with database.system() as connection:
        assert forget(connection, _NOW - timedelta(days=30)) == 2
        left = connection.execute(text("select status, count(*) from outbox group by 1 order by 1")).all()
    assert [tuple(row) for row in left] == [("pending", 1), ("sent", 1)]
