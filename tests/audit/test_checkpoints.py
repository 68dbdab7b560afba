"""Heads of the audit chains are signed by the clock, not only when somebody thinks of it."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from spine.audit import AuditAction
from spine.checkpoint import read
from spine.errors import Broken
from spine.ids import TenantId
from spine.person import Role
from spine.settings import Settings
from store import audit, people
from store.engine import Database
from store.secrets import Vault, first_key
from tasks import reconciling
from tasks.checkpointing import checkpoint, checkpoint_when_due, checkpoints_file

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
A, B = TenantId("a"), TenantId("b")


def write(database: Database, *tenants: TenantId) -> None:
    with database.system() as connection:
        for tenant in tenants:
            audit.append(
                connection, tenant, AuditAction.RUNBOOK_RUN, actor="t", at=datetime.now(UTC), subject="drill:1"
            )


def seen(settings: Settings) -> list[tuple[TenantId, int]]:
    text = checkpoints_file(settings).read_text()
    return [(one.head.tenant_id, one.head.seq) for one in read(text, Vault.of(settings).signing_key().public_key())]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(data_dir=tmp_path, secret_key=None)
    Vault.of(made, create=True)
    return made


def test_heads_that_moved_are_signed_once_an_hour(database: Database, settings: Settings) -> None:
    write(database, A, B)
    assert checkpoint_when_due(database, settings, NOW).heads == 2
    write(database, A)
    assert checkpoint_when_due(database, settings, NOW + timedelta(minutes=59)).heads == 0
    assert checkpoint_when_due(database, settings, NOW + timedelta(minutes=60)).heads == 1
    assert seen(settings) == [(A, 2), (B, 1)]


TAMPER = [
    "alter table audit_entries disable trigger all", "alter table audit_heads disable trigger all",
    "delete from audit_entries where seq = 2 and tenant_id = 'a'",
    "update audit_heads h set seq = 1, hash = e.hash from audit_entries e"
    " where h.tenant_id = 'a' and e.tenant_id = 'a'",
    "alter table audit_entries enable trigger all", "alter table audit_heads enable trigger all",
]  # fmt: skip


def test_a_chain_that_was_cut_and_grew_again_is_not_signed_again(database: Database, settings: Settings) -> None:
    write(database, A)
    write(database, A)
    checkpoint(database, settings, NOW)
    with database.owner() as connection:
        for statement in TAMPER:
            connection.execute(text(statement))
    cut = checkpoint(database, settings, NOW)
    write(database, A)
    write(database, A, B)
    grown = checkpoint(database, settings, NOW)
    assert (cut.heads, grown.heads) == (0, 1)
    for done in (cut, grown):
        assert "chain of a does not contain entry 2" in done.problems[0]
    assert seen(settings) == [(A, 2), (B, 1)]


def test_without_a_key_nothing_is_signed_and_no_key_is_made(database: Database, tmp_path: Path) -> None:
    bare = Settings(data_dir=tmp_path, secret_key=None)
    write(database, A)
    with pytest.raises(Broken, match="cannot be read"):
        checkpoint(database, bare, NOW)
    assert list(tmp_path.iterdir()) == []


def test_a_new_installation_gets_its_key_and_a_lost_one_is_not_replaced(database: Database, tmp_path: Path) -> None:
    made = Settings(data_dir=tmp_path, secret_key=None)
    with database.system() as connection:
        first_key(connection, made)
    vault = Vault.of(made)
    with database.system() as connection:
        people.add(connection, "a@example.org", "Ana", [(A, Role.VIEWER)], vault=vault, actor="t", now=NOW)
    (tmp_path / "secret.key").unlink()
    with database.system() as connection:
        first_key(connection, made)
    with pytest.raises(Broken, match="Restore it from backup"):
        Vault.of(made)


def test_how_often_is_a_setting(database: Database, settings: Settings) -> None:
    settings.audit.checkpoint_hours = 24
    write(database, A)
    signed = []
    for hours in (0, 23, 24):
        signed.append(checkpoint_when_due(database, settings, NOW + timedelta(hours=hours)).heads)
        write(database, A)
    assert signed == [1, 0, 1]


def test_reconcile_sees_to_it(database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    async def no_orchestrator(_: Database) -> int:
        return 0

    monkeypatch.setattr(reconciling, "clear_stranded", no_orchestrator)
    write(database, A)
    done = asyncio.run(reconciling.reconcile_once(database, settings, lambda _: None, NOW))
    assert (done.signed, done.problems) == (1, [])
    assert "1 audit heads signed" in done.sentence
    assert seen(settings) == [(A, 1)]
