"""Checks: what each part says of itself, asked of a real database."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from spine.clock import ManualClock
from spine.health import Reading, Status
from spine.hook import Fault
from spine.ids import NO_TENANT, derive
from spine.settings import Settings
from store.engine import Database
from store.heartbeats import beat
from store.hooks import record
from store.liveness import alive
from store.partition import ensure_partitions
from tasks.checks import Ports, checks

Ask = Callable[..., Reading]
NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def test_every_file_is_a_check_under_its_own_name_and_says_what_it_means() -> None:
    assert set(checks()) == {
        "audit", "checkpoint", "clock", "database", "detect", "disk", "drills", "hooks", "leases", "migrations",
        "outbox", "partitions", "prefect", "reconcile", "relay", "runner", "slack", "slack_socket", "smtp",
    }  # fmt: skip
    assert all(key == check.key and check.means and check.do for key, check in checks().items())


def test_what_is_not_well_says_what_it_means_and_what_to_do(ask: Ask) -> None:
    for key in checks():
        reading = ask(key)
        assert reading.said
        assert reading.status is Status.PASS or (reading.means and reading.do), key


@pytest.mark.parametrize(
    ("key", "observed"), [("database", True), ("migrations", False), ("outbox", True), ("leases", True), ("disk", True)]
)
def test_parts_that_are_well_say_so_with_their_number(ask: Ask, key: str, observed: bool) -> None:
    reading = ask(key)
    assert reading.status in (Status.PASS, Status.WARN) if key == "disk" else reading.status is Status.PASS
    assert (reading.observed is not None) is observed


def test_a_database_that_is_gone_fails_and_tells_no_password(ask: Ask, ports: Ports) -> None:
    gone = Ports(ports.settings, ports.clock, Database("postgresql://nobody:hunter2@127.0.0.1:9/none"))
    for key in ("database", "migrations", "audit"):
        reading = ask(key, gone)
        assert reading.status is Status.FAIL
        assert "hunter2" not in reading.said


def test_a_newer_schema_still_fits_and_none_fails(ask: Ask, ports: Ports) -> None:
    with ports.database.owner() as connection:
        connection.execute(text("update alembic_version set version_num = 'newer'"))
    assert ask("migrations").status is Status.PASS
    with ports.database.owner() as connection:
        connection.execute(text("delete from alembic_version"))
    assert ask("migrations").status is Status.FAIL


def test_an_orchestrator_that_does_not_answer_fails(ask: Ask) -> None:
    reading = ask("prefect")
    assert reading.status is Status.FAIL
    assert "cannot be reached" in reading.said


def test_a_runner_is_alive_exactly_as_long_as_its_process(ask: Ask, ports: Ports) -> None:
    assert ask("runner").status is Status.FAIL
    with alive(ports.database.url, derive("runner", NO_TENANT)):
        assert ask("runner").status is Status.PASS


def test_detection_is_late_when_a_tick_takes_longer_than_its_interval(
    ask: Ask, ports: Ports, clock: ManualClock
) -> None:
    with ports.database.system() as connection:
        beat(connection, "detect", now=NOW, detail={"seconds": 0.4})
    assert ask("detect").status is Status.PASS
    with ports.database.system() as connection:
        beat(connection, "detect", now=NOW, detail={"seconds": 1e4})
    assert ask("detect").status is Status.WARN
    clock.advance(timedelta(minutes=10))
    assert ask("detect").status is Status.FAIL


def test_tomorrow_needs_a_partition_before_it_begins(ask: Ask, ports: Ports, clock: ManualClock) -> None:
    assert ask("partitions").status is Status.FAIL
    with ports.database.owner() as connection:
        ensure_partitions(connection, NOW, ports.settings.retention)
    assert ask("partitions").observed == 3
    clock.advance(timedelta(days=3))
    assert ask("partitions").status is Status.WARN


@pytest.mark.parametrize(
    ("off", "status"), [(0, Status.PASS), (10, Status.WARN), (-10, Status.WARN), (100, Status.FAIL)]
)
def test_clocks_that_disagree_are_told(ask: Ask, database: Database, off: float, status: Status) -> None:
    class Shifted:
        def now(self) -> datetime:
            return datetime.now(UTC) + timedelta(seconds=off)

    assert ask("clock", Ports(Settings(), Shifted(), database)).status is status


def test_a_lease_beyond_its_end_is_stranded(ask: Ask, ledger: Any, ports: Ports) -> None:
    with ports.database.owner() as connection:
        connection.execute(
            text(
                "insert into leases(id, tenant_id, incident_id, decision_id, step, action_key, params, targets, state,"
                " fence, pre_image, ttl_seconds, created_at, applied_at, expires_at, receipt)"
                " select gen_random_uuid(), d.tenant_id, d.incident_id, d.id, 99, 'ip.throttle', '{}', '{}', 'active',"
                " 1, '{}', 60, cast(:at as timestamptz), :at, :at, '{}' from decisions d limit 1"
            ),
            {"at": NOW - timedelta(minutes=1)},
        )
    assert ask("leases").status is Status.PASS
    with ports.database.owner() as connection:
        connection.execute(text("update leases set expires_at = :at"), {"at": NOW - timedelta(minutes=3)})
    reading = ask("leases")
    assert (reading.status, reading.observed) == (Status.FAIL, 1)


def test_a_full_disk_warns_then_fails(ask: Ask, ports: Ports) -> None:
    ports.settings.health.disk_warn_percent = 100
    ports.settings.health.disk_fail_percent = 0
    assert ask("disk").status is Status.WARN
    ports.settings.health.disk_fail_percent = 100
    assert ask("disk").status is Status.FAIL


def test_a_plug_in_that_failed_of_late_is_named(ask: Ask, ports: Ports, clock: ManualClock) -> None:
    assert ask("hooks").status is Status.PASS
    with ports.database.system() as connection:
        for _ in range(3):
            record(connection, Fault(plugin="acme", hook="on_event", kind="raised", error="xoxb-secret"), clock.now())
    reading = ask("hooks")
    assert (reading.status, reading.observed) == (Status.WARN, 1)
    assert "acme at on_event (raised, 3 in all)" in reading.said
    clock.advance(timedelta(minutes=20))
    assert ask("hooks").status is Status.PASS
