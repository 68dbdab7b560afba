"""The demo's view of the spine's tables: it sees its tenant, and nothing that was there before it began."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from deployments.demo.environment import TENANT
from deployments.demo.records import Records
from spine.event import Event, EventType
from spine.ids import TenantId
from store.engine import Database
from store.ingest import ingest

NOW = datetime.now(UTC)


def _failed(number: int, ip: str, tenant: TenantId = TENANT) -> Event:
    return Event(
        id=f"e{number}",
        type=EventType.LOGIN_FAILED,
        occurred_at=NOW - timedelta(seconds=number),
        tenant_id=tenant,
        user_id="ada",
        ip=ip,
    )


def test_a_quiet_spine_has_nothing_to_show(database: Database) -> None:
    records = Records(database, TENANT, NOW)
    assert records.incident() is None
    nobody = uuid4()
    assert (records.decision(nobody), records.approval(nobody)) == (None, None)
    kept = records.evidence(nobody), records.leases(nobody), records.timeline(nobody)
    assert [list(rows) for rows in (*kept, records.audited("incident.opened", nobody))] == [[], [], [], []]
    assert (records.holds(), records.flags(), records.all_events()) == (0, {}, 0)


def test_events_are_counted_by_kind_time_and_address(database: Database) -> None:
    ingest(database, TENANT, [_failed(1, "203.0.113.1"), _failed(2, "203.0.113.2"), _failed(90, "203.0.113.1")])
    ingest(database, TenantId("other"), [_failed(3, "203.0.113.1", TenantId("other"))])
    records, recently = Records(database, TENANT, NOW), NOW - timedelta(minutes=1)
    assert records.all_events() == 3
    assert records.events("login_failed", recently) == 2
    assert records.events("login_failed", recently, ["203.0.113.1"]) == 1
    assert records.events("login_failed", recently, []) == 0
    assert records.events("login_throttled", recently) == 0
