"""Checks of the audit trail: damage at the end of a chain, a trail nobody can write, checkpoints."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from spine.audit import AuditAction
from spine.clock import ManualClock
from spine.health import Reading, Status
from spine.ids import TenantId
from store import audit
from store.engine import Database
from store.heartbeats import beat
from tasks.checks import Ports

Ask = Callable[..., Reading]
NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def _write(database: Database, tenant: str, entries: int) -> None:
    with database.system() as connection:
        for number in range(entries):
            audit.append(
                connection, TenantId(tenant), AuditAction.POLICY_CHANGED, actor="cli:x", at=NOW,
                subject=f"key:{number}",
            )  # fmt: skip


@pytest.mark.parametrize(
    "damage",
    [
        "update audit_entries set entry = replace(entry, 'cli:x', 'cli:y') where seq = 3 and tenant_id = 'b'",
        "delete from audit_entries where seq = 2 and tenant_id = 'b'",
        "delete from audit_entries where seq = 4 and tenant_id = 'b'",
        "update audit_entries set hash = sha256('x') where seq = 4 and tenant_id = 'b'",
        "delete from audit_entries where tenant_id = 'b'",
    ],
    ids=["edited", "one is gone", "cut", "forged", "emptied"],
)
def test_a_damaged_end_of_a_chain_is_found_and_named(ask: Ask, ports: Ports, damage: str) -> None:
    for tenant in ("a", "b"):
        _write(ports.database, tenant, 4)
    assert ask("audit").status is Status.PASS
    with ports.database.owner() as connection:
        connection.execute(text("alter table audit_entries disable trigger user"))
        connection.execute(text(damage))
    reading = ask("audit")
    assert reading.status is Status.FAIL
    assert "trail of b does" in reading.said


def test_only_the_end_of_a_long_chain_is_recomputed(ask: Ask, ports: Ports) -> None:
    _write(ports.database, "a", 6)
    ports.settings.health.audit_tail_entries = 3
    assert ask("audit").status is Status.PASS


def test_a_trail_that_cannot_be_written_fails(ask: Ask, ports: Ports) -> None:
    with ports.database.owner() as connection:
        connection.execute(text("revoke execute on function audit_append from opsspine_system"))
    assert ask("audit").status is Status.FAIL


def test_checkpoints_grow_old_and_disagree(ask: Ask, ports: Ports, clock: ManualClock) -> None:
    assert ask("checkpoint").status is Status.WARN
    with ports.database.system() as connection:
        beat(connection, "checkpoint", now=NOW, detail={"problems": 0})
    assert ask("checkpoint").status is Status.PASS
    clock.advance(timedelta(hours=3))
    assert ask("checkpoint").status is Status.WARN
    with ports.database.system() as connection:
        beat(connection, "checkpoint", now=NOW, detail={"problems": 1})
    assert ask("checkpoint").status is Status.FAIL
