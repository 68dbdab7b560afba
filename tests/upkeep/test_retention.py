"""Every table has its time; one pass deletes what is over it, and what is in force stays."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from spine.lease import LeaseState
from spine.plan import Gate
from spine.settings import RetentionSettings
from store import leases
from store.engine import Database
from store.retention import KEPT, OF_INCIDENT, sweep

_TABLES = """
    select c.relname from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
    and not c.relispartition"""
_WITH_INCIDENT = """
    select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'incident_id'
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.attnum > 0"""
LATER = datetime(2030, 1, 1, tzinfo=UTC)


def names(database: Database, query: str) -> set[str]:
    with database.owner() as connection:
        return set(connection.execute(text(query)).scalars())


def test_every_table_has_its_keeping_and_no_other(database: Database) -> None:
    listed = [keeping.table for keeping in KEPT]
    assert len(listed) == len(set(listed))
    assert set(listed) == names(database, _TABLES), "how long is it kept? Say so in store/retention.py"


def test_everything_of_an_incident_goes_with_it(database: Database) -> None:
    """The trail stays: it is the record of what was there."""
    assert names(database, _WITH_INCIDENT) - {"audit_entries"} <= set(OF_INCIDENT)


def test_every_time_is_a_setting(database: Database) -> None:
    settings = RetentionSettings()
    assert [keeping for keeping in KEPT if keeping.setting and not hasattr(settings, keeping.setting)] == []


def test_the_pass_runs_on_every_table_and_finds_nothing_young(approval_case: Any) -> None:
    case = approval_case
    case.ask()
    assert sweep(case.database, case.clock.now(), RetentionSettings()) == {}


def test_an_old_incident_goes_with_everything_of_its_own(approval_case: Any) -> None:
    case = approval_case
    question = case.ask(Gate.APPROVE)
    case.decide(question, case.person("ann"))
    with case.database.system() as connection:
        connection.execute(text("update incidents set status = 'resolved', resolved_at = :t"), {"t": case.clock.now()})
    settings = RetentionSettings(batch_rows=1)
    assert "incidents" not in sweep(
        case.database, case.clock.now() + timedelta(days=settings.incident_days - 1), settings
    )
    gone = sweep(case.database, LATER, settings)
    assert gone["incidents"] == gone["approvals"] == gone["approval_votes"] == 1
    assert gone["outbox"] >= 1
    with case.database.system() as connection:
        for table in OF_INCIDENT:
            assert connection.execute(text(f"select count(*) from {table}")).scalar_one() == 0, table
        assert connection.execute(text("select count(*) from audit_entries")).scalar_one() > 0
    assert sweep(case.database, LATER, settings) == {}


def test_a_snapshot_leaves_nothing_that_would_hold_an_incident_back(ledger: Any) -> None:
    """It never ends, for it changed nothing."""
    lease = ledger.apply(ledger.step("evidence.snapshot"))
    assert lease.state is LeaseState.ACTIVE
    with ledger.database.system() as connection:
        assert leases.list_live(connection) == []
        connection.execute(
            text("update incidents set status = 'resolved', resolved_at = :t"), {"t": ledger.clock.now()}
        )
    assert sweep(ledger.database, LATER, RetentionSettings())["incidents"] == 1
    assert ledger.rows("select from leases") == []


def test_an_incident_with_something_in_force_stays(ledger: Any) -> None:
    ledger.put("auth.captcha_required", on=False)
    ledger.apply(ledger.step("captcha.require"))
    with ledger.database.system() as connection:
        connection.execute(
            text("update incidents set status = 'resolved', resolved_at = :t"), {"t": ledger.clock.now()}
        )
    assert "incidents" not in sweep(ledger.database, LATER, RetentionSettings())
    assert ledger.rows("select from leases")
