"""A drill's own row: begun once, ended once, counted towards freshness, and ended for it when its process is gone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from runbooks import catalogue
from spine.drill_score import Assertion
from spine.errors import Refused
from spine.ids import TenantId
from spine.incident import IncidentKind, IncidentStatus
from spine.lease import LeaseState
from spine.settings import DrillSettings, Settings
from store import audit, drills, incidents, keys
from store.drills import DrillRun
from store.engine import Database
from tasks.abandoned import end_abandoned
from tasks.planning import rehearsal_of

ACME, KIND = TenantId("acme"), IncidentKind.FAILED_LOGINS_SPIKE
NOW = datetime.now(UTC)
GOOD = Assertion("type", True, "this", "this")


def begun(database: Database, name: str = "d1", **more: Any) -> DrillRun:
    values = {
        "id": name, "tenant_id": ACME, "kind": KIND, "name": "stuffing", "negative": False, "seed": 1,
        "unattended": True, "who": "cli:ada", "started_at": NOW, "gives_up_at": NOW + timedelta(minutes=5), **more,
    }  # fmt: skip
    run = DrillRun(**values)
    with database.system() as connection:
        drills.begin(connection, run)
    return run


def test_a_drill_is_played_once(database: Database) -> None:
    begun(database)
    with pytest.raises(Refused, match="played already"):
        begun(database)


def test_its_end_is_written_once_with_its_audit_entry(database: Database) -> None:
    run = begun(database)
    bad = Assertion("severity", False, "high", "medium")
    with database.system() as connection:
        assert drills.finish(connection, run.id, passed=False, score=0.5, assertions=(GOOD, bad), at=NOW)
        assert not drills.finish(connection, run.id, passed=True, score=1.0, assertions=(GOOD,), at=NOW)
        kept = drills.get(connection, run.id)
        entry = connection.execute(
            text("select entry::jsonb -> 'data' as data from audit_entries where action = 'runbook.run'")
        ).scalar_one()
        assert audit.verify(connection, ACME) is None
    assert kept is not None
    assert (kept.passed, kept.score, kept.assertions) == (False, 0.5, (GOOD, bad))
    assert (entry["outcome"], entry["detail"]["failed"]) == ("failed", ["severity"])


@pytest.mark.parametrize(
    ("passed", "negative", "counts"), [(True, False, True), (False, False, False), (True, True, False)]
)
def test_only_a_passed_drill_in_which_something_opened_counts(
    database: Database, passed: bool, negative: bool, counts: bool
) -> None:
    begun(database, negative=negative)
    with database.system() as connection:
        drills.finish(connection, "d1", passed=passed, score=1.0, assertions=(GOOD,), at=NOW)
        assert (KIND in drills.last_passed(connection)) is counts


def test_a_passed_drill_gives_back_what_is_automatic(database: Database) -> None:
    settings, later = Settings(drill=DrillSettings(fresh_days=30)), NOW + timedelta(days=45)
    begun(database)
    with database.system() as connection:
        book = catalogue()[KIND]
        assert rehearsal_of(connection, book, settings).undrilled(NOW) == ""
        assert "never drilled" in rehearsal_of(connection, book, settings).undrilled(later)
        drills.finish(connection, "d1", passed=True, score=1.0, assertions=(GOOD,), at=later - timedelta(days=1))
        assert rehearsal_of(connection, book, settings).undrilled(later) == ""


def test_an_abandoned_drill_fails_and_leaves_nothing_in_force(ledger: Any) -> None:
    ledger.rows("update incidents set synthetic = true, drill_id = 'd1' returning id")
    begun(ledger.database)
    with ledger.database.system() as connection:
        drills.opened(connection, "d1", ledger.incident)
        keys.add_key(connection, ACME, drills.key_name("d1"), ["events:drill"], now=NOW)
    lease = ledger.apply(ledger.step("captcha.require"))
    assert end_abandoned(ledger.database, ledger.settings, NOW + timedelta(minutes=4)) == []
    assert ledger.lease(lease.id).state is LeaseState.ACTIVE, "it may still be under way"
    assert end_abandoned(ledger.database, ledger.settings, NOW + timedelta(minutes=5)) == []
    assert ledger.lease(lease.id).state is LeaseState.REVERTED
    with ledger.database.system() as connection:
        run = drills.get(connection, "d1")
        assert run is not None
        assert (run.passed, run.score) == (False, 0.0)
        assert incidents.get(connection, ledger.incident).status is IncidentStatus.RESOLVED
        assert keys.list_keys(connection) == []


def test_a_tenant_reads_its_own_drills_and_writes_none(database: Database) -> None:
    begun(database)
    with database.tenant(ACME) as connection:
        assert drills.get(connection, "d1") is not None
    with database.tenant(TenantId("globex")) as connection:
        assert drills.get(connection, "d1") is None
