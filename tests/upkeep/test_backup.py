"""A backup is taken while people write, restores into an empty database alone, and is verified to the last entry."""

import json
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text
from typer.testing import CliRunner

from deployments.cli import app
from spine.audit import AuditAction
from spine.errors import Broken, Refused
from spine.ids import TenantId
from spine.person import Role
from spine.settings import Settings
from store import audit, people, pgtool, receipts
from store.backup import backup, opened
from store.embedded import EmbeddedPostgres
from store.engine import Database
from store.manifest import counts
from store.migrate import current, newest
from store.restore import check, restore
from store.secrets import Vault

T = TenantId("acme")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CONFIG = Settings(secret_key=Fernet.generate_key().decode())
VAULT = Vault.of(CONFIG)


def say(database: Database, number: int, tenant: TenantId = T) -> None:
    with database.system() as connection:
        audit.append(connection, tenant, AuditAction.ACTION_EXECUTED, actor="test", at=NOW, subject=f"lease:{number}")


@pytest.fixture
def lived(database: Database) -> Database:
    """A database with a person, events and two chains."""
    with database.system() as connection:
        people.add(connection, "ann@example.org", "Ann", [(T, Role.RESPONDER)], vault=VAULT, actor="test", now=NOW)
    with database.tenant(T) as connection:
        connection.execute(
            text(
                "insert into auth_ops_logs(id, type, user_id)"
                " select 'e' || n, 'login_failed', 'u1' from generate_series(1, 50) n"
            )
        )
    for number in range(5):
        say(database, number)
        say(database, number, TenantId("globex"))
    return database


@pytest.fixture
def empty(postgres: EmbeddedPostgres) -> Iterator[Database]:
    url = postgres.create_database("restored")
    made = Database(url)
    yield made
    made.close()
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute("drop database restored with (force)")


def take(database: Database, file: Path, *, sealed: bool = False) -> Path:
    return backup(database, file, VAULT, actor="test", now=NOW, sealed=sealed).file


@pytest.mark.parametrize("sealed", [False, True])
def test_what_was_backed_up_comes_back_whole(lived: Database, empty: Database, tmp_path: Path, sealed: bool) -> None:
    with lived.owner() as connection:
        before = counts(connection)
    file = take(lived, tmp_path / "all.backup", sealed=sealed)
    done = restore(empty, file, CONFIG, actor="test", now=NOW)
    assert (done.rows, done.chains, done.revision) == (sum(before.values()), 2, newest())
    with empty.system() as connection:
        assert set(audit.verify_all(connection).values()) == {None}
        receipt = receipts.latest(connection, "restore")
        assert receipt is not None
        assert receipt.detail["backup"] == done.manifest.id
        assert connection.execute(text("select count(*) from auth_ops_logs")).scalar_one() == 50
    say(empty, 99)  # and the chains go on
    with empty.tenant(TenantId("globex")) as connection:  # one tenant sees its own rows, as before
        assert connection.execute(text("select count(*) from auth_ops_logs")).scalar_one() == 0


def test_a_backup_is_one_moment_while_people_write(lived: Database, empty: Database, tmp_path: Path) -> None:
    over = threading.Event()

    def write() -> None:
        number = 1_000
        while not over.is_set():
            say(lived, number := number + 1)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        file = take(lived, tmp_path / "busy.backup")
    finally:
        over.set()
        writer.join()
    assert restore(empty, file, CONFIG, actor="test", now=NOW).entries >= 10


def test_a_server_that_ends_idle_transactions_does_not_end_a_backup(
    lived: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The transaction of the snapshot waits while the dump is made."""

    def slowly(*given: Any) -> None:
        time.sleep(1.5)
        pgtool.run(*given)

    monkeypatch.setattr("store.backup.run", slowly)
    with lived.owner() as connection:
        name = connection.execute(text("select current_database()")).scalar_one()
        connection.execute(text(f'alter database "{name}" set idle_in_transaction_session_timeout = 700'))
    again = Database(lived.url)
    try:
        assert take(again, tmp_path / "all.backup").is_file()
    finally:
        again.close()


def test_nothing_is_restored_over_anything(lived: Database, tmp_path: Path) -> None:
    file = take(lived, tmp_path / "all.backup")
    with pytest.raises(Refused, match="not empty"):
        restore(lived, file, CONFIG, actor="test", now=NOW)
    with pytest.raises(Refused, match="overwrites nothing"):
        take(lived, file)


def test_a_rehearsal_verifies_leaves_a_receipt_and_no_database(lived: Database, tmp_path: Path) -> None:
    file = take(lived, tmp_path / "all.backup")
    with lived.owner() as connection:
        databases = connection.execute(text("select count(*) from pg_database")).scalar_one()
    done = check(lived, file, CONFIG, actor="test", now=NOW)
    with lived.owner() as connection:
        assert connection.execute(text("select count(*) from pg_database")).scalar_one() == databases
        receipt = receipts.latest(connection, "restore-check")
        told = json.loads(connection.execute(_LAST).scalar_one())["data"]
    assert receipt is not None
    assert (receipt.ok, receipt.at, receipt.detail["rows"]) == (True, NOW, done.rows)
    assert (told["subject"], told["outcome"]) == (f"restore-check:{receipt.id}", "ok")


_LAST = text("select entry from audit_entries where tenant_id = '_' order by seq desc limit 1")


def test_a_rehearsal_that_fails_says_so_and_is_kept(lived: Database, tmp_path: Path) -> None:
    file = take(lived, tmp_path / "all.backup")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(Refused, match="damaged"):
        check(lived, file, CONFIG, actor="test", now=NOW)
    with lived.system() as connection:
        receipt = receipts.latest(connection, "restore-check")
    assert receipt is not None
    assert not receipt.ok


def test_a_trail_that_was_changed_before_the_backup_is_found_after_it(lived: Database, tmp_path: Path) -> None:
    with lived.owner() as connection:
        connection.execute(text("alter table audit_entries disable trigger user"))
        connection.execute(text("update audit_entries set entry = replace(entry, 'test', 'tost') where seq = 2"))
        connection.execute(text("alter table audit_entries enable trigger user"))
    with pytest.raises(Broken, match="entry 2: edited"):
        check(lived, take(lived, tmp_path / "all.backup"), CONFIG, actor="test", now=NOW)


def test_the_vaults_key_and_sealed_content_are_apart(lived: Database, tmp_path: Path) -> None:
    plain, sealed = take(lived, tmp_path / "plain"), take(lived, tmp_path / "sealed", sealed=True)
    assert CONFIG.secret_key is not None
    assert CONFIG.secret_key.get_secret_value().encode() not in plain.read_bytes()
    assert b"manifest.json" not in sealed.read_bytes()
    other = Vault(Fernet.generate_key())
    with pytest.raises(Refused, match="another secret key"), opened(sealed, other):
        pass


def test_an_owner_who_is_no_superuser_backs_up_every_tenant(
    lived: Database, postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    name = lived.engine.url.database
    with psycopg.connect(postgres.url(name or ""), autocommit=True) as connection:
        connection.execute("create role plain_owner login password 'p' in role opsspine_app, opsspine_system")
        for (table,) in connection.execute(
            "select oid::regclass::text from pg_class"
            " where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')"
        ).fetchall():
            connection.execute(f"alter table {table} owner to plain_owner")
    url = lived.engine.url.set(drivername="postgresql", username="plain_owner", password="p")
    plain = Database(url.render_as_string(hide_password=False))
    try:
        manifest = backup(plain, tmp_path / "plain", VAULT, actor="test", now=NOW).manifest
        assert manifest.rows["audit_entries"] >= 10
    finally:
        plain.close()
        with psycopg.connect(postgres.url(name or ""), autocommit=True) as connection:
            connection.execute("reassign owned by plain_owner to current_user")
            connection.execute("drop owned by plain_owner")
            connection.execute("drop role plain_owner")
    check(lived, tmp_path / "plain", CONFIG, actor="test", now=NOW)


def test_a_server_that_no_program_here_can_read_is_told_with_what_to_install() -> None:
    with pytest.raises(Refused, match="postgresql-client-99"):
        pgtool.program("pg_dump", 99)


def test_where_only_another_version_is_installed_it_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    old = tmp_path / "pg_dump"
    old.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 15.2 (Debian 15.2-1)'\n")
    old.chmod(0o755)
    monkeypatch.setattr(pgtool, "wheel_programs", lambda: None)
    monkeypatch.setattr(pgtool, "_DEBIAN", tmp_path / "none")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    assert pgtool.program("pg_dump", 15) == old
    with pytest.raises(Refused, match=r"PostgreSQL 18.*pg_dump \(15\)"):
        pgtool.program("pg_dump", 18)


def test_our_own_postgresql_is_started_for_a_restore_where_nothing_runs(
    lived: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = take(lived, tmp_path / "all.backup")
    folder = Path(tempfile.mkdtemp(prefix="opsspine-restored-"))
    folder.chmod(0o755)
    assert CONFIG.secret_key is not None
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("OPSSPINE_SECRET_KEY", CONFIG.secret_key.get_secret_value())
    monkeypatch.setenv("OPSSPINE_DATA_DIR", str(folder))
    try:
        done = CliRunner().invoke(app, ["restore", str(file)])
        assert "Restored" in done.output, done.output
        again = CliRunner().invoke(app, ["restore", str(file)])  # what `opsspine up` finds from now on
        assert "is not empty" in again.output
    finally:
        shutil.rmtree(folder)


def test_both_commands(lived: Database, empty: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert CONFIG.secret_key is not None
    monkeypatch.setenv("DATABASE_URL", lived.url)
    monkeypatch.setenv("OPSSPINE_SECRET_KEY", CONFIG.secret_key.get_secret_value())
    file = str(tmp_path / "all.backup")
    run = CliRunner().invoke
    assert "rows of" in run(app, ["backup", file, "--encrypt"]).output
    assert "Rehearsed" in run(app, ["restore", "--check", file]).output
    refused = run(app, ["restore", file, "--json"])
    assert (refused.exit_code, json.loads(refused.stdout)["error"]["code"]) == (1, "restore.not_empty")
    assert "Restored" in run(app, ["restore", file, "--into", empty.url]).output
    assert current(empty) == newest()
