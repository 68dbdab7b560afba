"""Scenario 23: late, future, out-of-order, duplicate and backfilled rows. Counts end right, old news pages nobody."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from sqlalchemy import text

from spine.ids import TenantId
from spine.settings import Settings
from store.engine import Database
from store.ingest import ingest_raw
from tasks.detecting import tick

ACME = TenantId("acme")
NOW = datetime.now(UTC).replace(microsecond=0)


def attack(start: datetime, number: int = 400, prefix: str = "a") -> list[dict[str, Any]]:
    """`number` failures of 200 users from 20 addresses within ten minutes."""
    return [
        {
            "id": f"{prefix}{n:05d}", "type": "login_failed", "user_id": f"u{n % 200}", "ip": f"203.0.113.{n % 20 + 1}",
            "occurred_at": (start + timedelta(seconds=1.5 * n)).isoformat(),
        }
        for n in range(number)
    ]  # fmt: skip


def scalar(database: Database, query: str) -> Any:
    with database.system() as connection:
        return connection.execute(text(query)).scalar_one()


def test_s23_counts_end_right_in_any_order_and_repetition(database: Database) -> None:
    rows = attack(NOW - timedelta(minutes=11))
    late = attack(NOW - timedelta(hours=30), prefix="late")
    future = [
        {**row, "id": f"f{n}", "occurred_at": (NOW + timedelta(minutes=20)).isoformat()}
        for n, row in enumerate(rows[:7])
    ]
    everything = rows + late + rows[:150] + future
    random.Random(23).shuffle(everything)
    accepted = duplicate = refused = 0
    for part in range(0, len(everything), 90):
        report = ingest_raw(database, ACME, everything[part : part + 90], now=NOW)
        accepted, duplicate, refused = (
            accepted + report.accepted, duplicate + report.duplicate, refused + report.refused,
        )  # fmt: skip
        tick(database, Settings(), NOW)
    assert (accepted, duplicate, refused) == (800, 150, 7)
    assert scalar(database, "select sum(n) from auth_metric_hours") == 800
    assert scalar(database, "select sum(n) from auth_metric_minutes") == 800
    assert scalar(database, "select sum(failures) from auth_address") == 800
    assert scalar(database, "select n from auth_ingest_rejects where reason = 'future'") == 7


def test_s23_an_attack_of_now_opens_one_incident_however_its_rows_arrive(database: Database) -> None:
    rows = attack(NOW - timedelta(minutes=11))
    random.Random(5).shuffle(rows)
    for part in (rows[:200], rows[100:], rows):
        ingest_raw(database, ACME, part, now=NOW)
        tick(database, Settings(), NOW)
    assert scalar(database, "select count(*) from incidents") == 1


def test_s23_backfilled_attacks_page_nobody(database: Database, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as listener:
        listener.execute("listen bucket_overflow")
        for days in (1, 3, 20):
            ingest_raw(database, ACME, attack(NOW - timedelta(days=days, hours=2), prefix=f"old{days}-"), now=NOW)
            tick(database, Settings(), NOW)
        assert list(listener.notifies(timeout=0.2)) == []
    assert scalar(database, "select count(*) from auth_ops_logs") == 1_200
    assert scalar(database, "select count(*) from incidents") == 0
    assert scalar(database, "select count(*) from outbox") == 0
