"""Heads of the audit chains are signed by the clock, not only when somebody thinks of it."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from spine.audit import AuditAction
from spine.checkpoint import read
from spine.ids import TenantId
from spine.settings import Settings
from store import audit
from store.engine import Database
from store.secrets import Vault
from tasks import reconciling
from tasks.checkpointing import checkpoint_when_due, checkpoints_file

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
    return [(head.tenant_id, head.seq) for head in read(text, Vault.of(settings).signing_key().public_key())]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, secret_key=None)


def test_heads_are_signed_once_an_hour(database: Database, settings: Settings) -> None:
    write(database, A, B)
    assert checkpoint_when_due(database, settings, NOW) == 2
    write(database, A)
    assert checkpoint_when_due(database, settings, NOW + timedelta(minutes=59)) == 0
    assert checkpoint_when_due(database, settings, NOW + timedelta(minutes=60)) == 2
    assert seen(settings) == [(A, 1), (B, 1), (A, 2), (B, 1)]


def test_how_often_is_a_setting(database: Database, settings: Settings) -> None:
    settings.audit.checkpoint_hours = 24
    write(database, A)
    assert [checkpoint_when_due(database, settings, NOW + timedelta(hours=n)) for n in (0, 23, 24)] == [1, 0, 1]


def test_reconcile_sees_to_it(database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    async def no_orchestrator(_: Database) -> int:
        return 0

    monkeypatch.setattr(reconciling, "clear_stranded", no_orchestrator)
    write(database, A)
    done = asyncio.run(reconciling.reconcile_once(database, settings, lambda _: None, NOW))
    assert (done.signed, done.problems) == (1, [])
    assert "1 audit heads signed" in done.sentence
    assert seen(settings) == [(A, 1)]
