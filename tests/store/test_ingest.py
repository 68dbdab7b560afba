"""Ingest takes each event exactly once and says what became of every row."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from spine.ids import TenantId
from store.engine import Database
from store.fold import fold
from store.ingest import ingest, ingest_raw

ACME = TenantId("acme")


def count(database: Database, query: str = "select count(*) from auth_ops_logs") -> int:
    with database.system() as connection:
        return int(connection.execute(text(query)).scalar_one())


def test_sending_the_same_events_again_adds_nothing(database: Database, event: Any) -> None:
    events = [event(n) for n in range(50)]
    first, second = ingest(database, ACME, events), ingest(database, ACME, events)
    assert (first.accepted, first.duplicate) == (50, 0)
    assert (second.accepted, second.duplicate) == (0, 50)
    with database.system() as connection:
        assert fold(connection) == 50


def test_a_batch_with_some_known_and_some_twice_adds_each_once(database: Database, event: Any) -> None:
    ingest(database, ACME, [event(n) for n in range(10)])
    report = ingest(database, ACME, [event(n) for n in (*range(5, 15), 14, 14)])
    assert (report.accepted, report.duplicate) == (5, 7)
    assert count(database) == 15


def test_bad_rows_are_told_with_their_reason_and_lose_no_good_ones(database: Database, now: datetime) -> None:
    good = {"type": "login_failed", "occurred_at": now.isoformat(), "ip": "203.0.113.9"}
    rows: list[Any] = [
        {**good, "id": "a"},
        "no object",
        {**good},
        {"id": "b"},
        {**good, "id": "x" * 201},
        {**good, "id": "c", "ip": "300.1.1.1"},
        {**good, "id": "d", "occurred_at": (now + timedelta(minutes=11)).isoformat()},
        {**good, "id": "e", "occurred_at": (now - timedelta(days=46)).isoformat()},
        {**good, "id": "f", "occurred_at": "2026-01-01T00:00:00"},
        {**good, "id": "g", "attributes": {"note": "x" * 20_000}},
        {**good, "id": "h", "user_id": "x" * 300},
        {**good, "id": "i", "tenant_id": "globex"},
        {**good, "id": "z"},
    ]
    report = ingest_raw(database, ACME, rows, now=now)
    assert report.accepted == 2
    assert [(r["index"], r["reason"]) for r in report.rejected] == [
        (1, "malformed"), (2, "missing_id"), (3, "missing_type"), (4, "id_too_long"), (5, "bad_ip"),
        (6, "future"), (7, "too_old"), (8, "bad_time"), (9, "attributes_too_large"), (10, "field_too_long"),
        (11, "wrong_tenant"),
    ]  # fmt: skip
    counted = count(database, "select sum(n) from auth_ingest_rejects where tenant_id = 'acme'")
    assert counted == 11


def test_secrets_control_characters_and_nul_do_not_reach_the_database(database: Database, now: datetime) -> None:
    row = {
        "id": "s1", "type": "login_failed", "user_id": "ann\x00\x1b[31m", "user_agent": "x" * 9_000,
        "password": "hunter2", "attributes": {"access_token": "abc", "note": "a\x00b", "deep": [{"otp": "123456"}]},
    }  # fmt: skip
    assert ingest_raw(database, ACME, [row], now=now).accepted == 1
    with database.system() as connection:
        stored = connection.execute(text("select user_id, user_agent, attributes from auth_ops_logs")).one()
    assert stored.user_id == "ann[31m"
    assert len(stored.user_agent) == 512
    assert not {"hunter2", "abc", "123456"} & set(str(stored.attributes).replace('"', " ").split())
    assert "\x00" not in str(stored.attributes)


def test_an_unknown_type_is_kept_as_other_with_its_name(database: Database, now: datetime) -> None:
    ingest_raw(database, ACME, [{"id": "t", "type": "door_opened", "colour": "red"}], now=now)
    with database.system() as connection:
        stored = connection.execute(
            text("select type, attributes ->> 'original_type', attributes ->> 'colour' from auth_ops_logs")
        ).one()
    assert tuple(stored) == ("other", "door_opened", "red")


def test_a_late_row_of_a_day_without_partition_makes_one(database: Database, event: Any) -> None:
    assert ingest(database, ACME, [event(1, timedelta(days=30)), event(2)]).accepted == 2


def test_an_application_may_insert_directly_and_its_rows_count(database: Database, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as application:
        application.execute("insert into auth_ops_logs(id, type) values ('mine-1', 'login_failed')")
        application.execute("insert into auth_ops_logs(id, type, tenant_id) values ('any text', 'login_failed', null)")
        application.execute(
            "insert into auth_ops_logs(id, type, tenant_id, occurred_at, ip) "
            "select 'n' || i, 'login_failed', 'acme', now(), '203.0.113.7' from generate_series(1, 30) i"
        )
    assert count(database, "select count(*) from auth_ops_logs where tenant_id = '_'") == 2
    with database.system() as connection:
        assert fold(connection) == 32
    assert count(database, "select failures from auth_address where tenant_id = 'acme'") == 30


def test_a_direct_row_of_a_day_that_has_no_partition_is_refused_loudly(database_url: str) -> None:
    with (
        psycopg.connect(database_url, autocommit=True) as application,
        pytest.raises(psycopg.errors.CheckViolation, match="no partition"),
    ):
        application.execute(
            "insert into auth_ops_logs(id, type, occurred_at) values ('x', 'login_failed', now() + interval '60 days')"
        )


def test_s46_a_tenant_sees_and_writes_its_own_rows_only_even_without_where(database: Database, event: Any) -> None:
    ingest(database, ACME, [event(1)])
    ingest(database, TenantId("globex"), [event(2, tenant_id="globex")])
    with database.tenant(ACME) as connection:
        assert connection.execute(text("select distinct tenant_id from auth_ops_logs")).scalars().all() == ["acme"]
    for table in ("auth_metric_delta", "auth_login_delta"):
        with database.tenant(ACME) as connection:
            assert connection.execute(text(f"select distinct tenant_id from {table}")).scalars().all() == ["acme"]
    with database.system() as connection:
        fold(connection)
    for table in ("auth_metric_minutes", "auth_metric_hours", "auth_address", "auth_tenant"):
        with database.tenant(ACME) as connection:
            assert connection.execute(text(f"select distinct tenant_id from {table}")).scalars().all() == ["acme"]
    with pytest.raises(ProgrammingError, match="row-level security"), database.tenant(ACME) as connection:
        connection.execute(
            text("insert into auth_ops_logs(id, type, tenant_id) values ('x', 'login_failed', 'globex')")
        )


def test_events_of_another_tenant_are_refused_one_by_one(database: Database, event: Any) -> None:
    report = ingest(database, ACME, [event(1), event(2, tenant_id="globex")])
    assert (report.accepted, [r["reason"] for r in report.rejected]) == (1, ["wrong_tenant"])


def test_concurrent_writers_of_the_same_and_of_other_rows_count_each_once(database: Database, event: Any) -> None:
    shared = [event(n, timedelta(seconds=n)) for n in range(400)]

    def write(own: int) -> None:
        mine = [event(1_000 * own + n, timedelta(seconds=n), ip=f"198.51.100.{n % 50}") for n in range(300)]
        for part in range(4):
            ingest(database, ACME, shared[:: 1 if own % 2 else -1] + mine[part::4])

    writers = [threading.Thread(target=write, args=(own,)) for own in range(1, 5)]
    for writer in writers:
        writer.start()
    folded = 0
    while any(w.is_alive() for w in writers):
        with database.system() as connection:
            folded += fold(connection)
    for writer in writers:
        writer.join()
    with database.system() as connection:
        folded += fold(connection)
    assert folded == count(database) == 400 + 4 * 300
    assert count(database, "select sum(n) from auth_metric_minutes") == 1_600
    assert count(database, "select sum(failures) from auth_address") == 1_600


def test_an_overflow_notifies_at_once_and_history_does_not(database: Database, database_url: str, event: Any) -> None:
    with psycopg.connect(database_url, autocommit=True) as listener:
        listener.execute("listen bucket_overflow")
        ingest(database, ACME, [event(n, timedelta(hours=3)) for n in range(20)])
        ingest(database, ACME, [event(100 + n, occurred_at=datetime.now(UTC)) for n in range(4)])
        assert list(listener.notifies(timeout=0.2)) == []
        ingest(database, ACME, [event(104, occurred_at=datetime.now(UTC))])
        assert [n.payload for n in listener.notifies(timeout=5, stop_after=1)] == ["acme"]
