"""Scenarios 20, 21, 22 and 25: flapping, recurrence, maintenance, two schedulers. Real PostgreSQL, real processes."""

import itertools
import multiprocessing
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pandas as pd
import pytest
from sqlalchemy import text

from spine.ids import TenantId
from spine.incident import Incident, IncidentStatus
from spine.settings import NotifySettings, Settings
from spine.severity import Severity
from spine.suppression import Reason
from store import audit, incidents, suppressions
from store.bulk import ingest_frame
from store.engine import Database
from tasks.detecting import TickResult, tick

TENANT = TenantId("t1")
START = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=12)
SETTINGS = Settings(notify=NotifySettings(mode=["log"]))
_ids = itertools.count()


def logins(database: Database, at: datetime, n: int, *, address: str = "192.0.2.7", ok: bool = False) -> None:
    """`n` logins of `n` users from one address in the minute before `at`."""
    rows = pd.DataFrame(
        {
            "id": [f"e{next(_ids):06d}" for _ in range(n)],
            "type": "login_succeeded" if ok else "login_failed",
            "occurred_at": [at - timedelta(seconds=59 * k / max(n - 1, 1)) for k in range(n)],
            "user_id": [f"u{k}" for k in range(n)],
            "ip": address,
        }
    )
    report = ingest_frame(database, rows, tenant_id=TENANT, now=datetime.now(UTC))
    assert report.accepted == n


def attack(database: Database, at: datetime, n: int = 40) -> TickResult:
    """Stuffing by one address in the minute before `at`, and the tick at `at`."""
    logins(database, at, n)
    return tick(database, SETTINGS, at)


def all_incidents(database: Database) -> list[Incident]:
    with database.system() as connection:
        return incidents.list_recent(connection)


def messages(database: Database) -> list[tuple[str, int]]:
    with database.system() as connection:
        return [
            tuple(row) for row in connection.execute(text("select topic, severity from outbox order by created_at"))
        ]


def resolve(database: Database, incident: UUID, at: datetime) -> None:
    with database.system() as connection:
        incidents.transition(connection, incident, IncidentStatus.RESOLVED, at=at, actor="person:x", summary="done")


def test_an_attack_becomes_one_incident_with_its_whole_paper_trail(database: Database) -> None:
    result = attack(database, START)
    (opening,) = result.openings
    assert opening.is_new
    incident = opening.incident
    assert incident.summary["class"] == "stuffing"
    assert incident.summary["addresses"] == ["192.0.2.7"]
    assert incident.summary["users_total"] == 40
    assert "u1" not in incident.summary["users"]
    with database.system() as connection:
        assert incidents.get(connection, incident.id) == incident
        receipts = incidents.evidence_rows(connection, incident.id)
        assert [line["kind"] for line in incidents.timeline(connection, incident.id)] == ["opened"]
        assert audit.verify(connection, TENANT) is None
        actions = connection.execute(text("select action from audit_entries")).scalars().all()
    assert {row["source"] for row in receipts} >= {"detector:stuffing_one_address", "detector:address_bucket"}
    assert all(incidents.digest(row) == row["sha256"] for row in receipts)
    assert actions == ["incident.opened"]
    assert messages(database) == [("incident.opened", incident.severity.value)]


def test_s20_flapping_around_a_threshold_is_one_incident(database: Database) -> None:
    for minute in range(0, 100, 20):
        attack(database, START + timedelta(minutes=minute))
        tick(database, SETTINGS, START + timedelta(minutes=minute + 17))
    (incident,) = all_incidents(database)
    assert incident.status is IncidentStatus.OPEN
    assert [topic for topic, _ in messages(database)].count("incident.opened") == 1


def test_s20_a_silence_survives_resolve_and_refire(database: Database) -> None:
    with database.system() as connection:
        suppressions.add(
            connection, TENANT, reason=Reason.LOAD_TEST, kind=None, owner="person:x", note="load test",
            starts_at=START - timedelta(minutes=5), length=timedelta(hours=4), now=START,
        )  # fmt: skip
    first = attack(database, START).openings[0].incident
    resolve(database, first.id, START + timedelta(minutes=1))
    second = attack(database, START + timedelta(minutes=80)).openings[0]
    assert second.incident.id != first.id
    assert second.incident.suppressed_by == first.suppressed_by is not None
    assert not second.is_new
    assert messages(database) == []


def test_s21_a_signal_after_resolve_opens_a_linked_incident(database: Database) -> None:
    first = attack(database, START).openings[0].incident
    resolve(database, first.id, START + timedelta(minutes=1))
    second = attack(database, START + timedelta(minutes=70)).openings[0]
    assert second.is_new
    assert second.incident.reopens == first.id
    assert second.incident.id != first.id


def test_s23_a_past_window_evaluated_again_does_not_page_for_old_news(database: Database) -> None:
    first = attack(database, START).openings[0].incident
    resolve(database, first.id, START + timedelta(minutes=1))
    for minute in (2, 5, 10):
        assert tick(database, SETTINGS, START + timedelta(minutes=minute)).openings == []
    assert len(all_incidents(database)) == 1


def test_quiet_ends_an_unattended_incident_only_while_events_arrive(database: Database) -> None:
    attack(database, START)
    later = START + timedelta(hours=5)
    for minute in (0, 1):
        assert tick(database, SETTINGS, later + timedelta(minutes=minute)).ended == []  # silence proves nothing
    (incident,) = all_incidents(database)
    with database.system() as connection:
        story = [line["kind"] for line in incidents.timeline(connection, incident.id)]
    assert story == ["opened", "insufficient_evidence"]
    later += timedelta(minutes=1)
    logins(database, later + timedelta(minutes=1), 3, address="198.51.100.1", ok=True)
    (ended,) = tick(database, SETTINGS, later + timedelta(minutes=1)).ended
    assert ended.status is IncidentStatus.RESOLVED
    assert ("incident.resolved", ended.severity.value) in messages(database)


def test_s22_maintenance_holds_action_and_page_but_not_the_record(database: Database) -> None:
    with database.system() as connection:
        window = suppressions.add(
            connection, TENANT, reason=Reason.MAINTENANCE, kind=None, owner="person:x", note="migration",
            starts_at=START - timedelta(minutes=5), length=timedelta(minutes=30), now=START,
        )  # fmt: skip
    (opening,) = attack(database, START).openings
    held = opening.incident
    assert not opening.is_new
    assert held.suppressed_by == window.id
    assert held.severity == held.summary["severity"] - 1
    assert messages(database) == []
    with database.system() as connection:
        assert [e["kind"] for e in incidents.timeline(connection, held.id)] == ["opened", "suppression"]
        assert "incident.opened" in connection.execute(text("select action from audit_entries")).scalars().all()

    (back,) = [o for o in tick(database, SETTINGS, START + timedelta(minutes=26)).openings if o.is_new]
    assert back.incident.id == held.id
    assert back.incident.suppressed_by is None
    assert back.incident.severity == held.summary["severity"]
    assert messages(database) == [("incident.opened", back.incident.severity.value)]
    again = tick(database, SETTINGS, START + timedelta(minutes=27))
    assert not any(o.is_new for o in again.openings)


def test_s22_a_success_after_the_attack_is_never_suppressed(database: Database) -> None:
    with database.system() as connection:
        suppressions.add(
            connection, TENANT, reason=Reason.DEPLOY, kind=None, owner="person:x", note="deploy",
            starts_at=START - timedelta(minutes=5), length=timedelta(hours=1), now=START,
        )  # fmt: skip
    assert attack(database, START).openings[0].incident.suppressed_by is not None
    logins(database, START + timedelta(minutes=2), 1, ok=True)
    (opening,) = tick(database, SETTINGS, START + timedelta(minutes=2)).openings
    assert opening.is_new
    assert opening.incident.suppressed_by is None
    assert opening.incident.severity >= Severity.HIGH
    assert [topic for topic, _ in messages(database)] == ["incident.opened"]


def test_a_suppression_longer_than_four_hours_is_refused(database: Database) -> None:
    with pytest.raises(Exception, match="lasts more than nothing"), database.system() as connection:
        suppressions.add(
            connection, TENANT, reason=Reason.DEPLOY, kind=None, owner="person:x", note="", starts_at=START,
            length=timedelta(hours=4, seconds=1), now=START,
        )  # fmt: skip


def _record_in_another_process(url: str, at: datetime, barrier: object, results: object) -> None:
    database = Database(url)
    barrier.wait()  # type: ignore[attr-defined]
    result = tick(database, SETTINGS, at)
    results.put((result.busy, sum(o.opened for o in result.openings)))  # type: ignore[attr-defined]
    database.close()


def test_s25_two_schedulers_in_two_processes_make_one_incident(database: Database, database_url: str) -> None:
    logins(database, START, 40)
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(2), context.Queue()
    workers = [
        context.Process(target=_record_in_another_process, args=(database_url, START, barrier, results))
        for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    told = [results.get(timeout=120) for _ in workers]
    for worker in workers:
        worker.join(30)
        assert worker.exitcode == 0
    assert sum(opened for _, opened in told) == 1
    tick(database, SETTINGS, START + timedelta(seconds=30))  # a catch-up sees the window a third time
    assert len(all_incidents(database)) == 1
    assert [topic for topic, _ in messages(database)].count("incident.opened") == 1
