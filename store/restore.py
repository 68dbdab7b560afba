"""Restoring a backup, for good into an empty database, or for a look into one that is dropped afterwards."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import text

from spine.errors import Broken, OpsSpineError, Refused
from spine.settings import Settings
from store import audit, receipts
from store.backup import opened
from store.engine import APP_ROLE, SYSTEM_ROLE, Database
from store.manifest import Manifest, counts, differences, read_heads
from store.migrate import known_revisions, migrate
from store.partition import ensure_partitions
from store.pgtool import program, run, server_major
from store.secrets import Vault
from store.throwaway import throwaway


@dataclass(frozen=True, slots=True)
class Restored:
    """What was found in a restored database, and held against its manifest."""

    manifest: Manifest
    rows: int
    chains: int
    entries: int
    """Of the audit trail, each recomputed."""
    revision: str
    """Of the schema afterwards."""

    def told(self) -> dict[str, object]:
        """For receipts."""
        return {
            "backup": self.manifest.id, "taken_at": self.manifest.at, "rows": self.rows, "chains": self.chains,
            "entries": self.entries, "revision": self.revision, "sha256": self.manifest.sha256,
        }  # fmt: skip


def restore(database: Database, file: Path, settings: Settings, *, actor: str, now: datetime) -> Restored:
    """Fill an empty database from `file`, verify it, bring it to the newest schema, and leave a receipt in it.

    Raises:
        Refused: the database is not empty, or the file does not fit it.
        Broken: pg_restore failed (nothing was written then), or what was restored is not what was backed up.
    """
    _require_empty(database)
    with opened(file, Vault.of(settings)) as (manifest, dump):
        done = _fill(database, manifest, dump, Vault.of(settings))
    with database.owner() as connection:
        ensure_partitions(connection, now, settings.retention)
    with database.system() as connection:
        receipts.leave(connection, "restore", actor=actor, at=now, ok=True, detail=done.told())
    return done


def check(database: Database, file: Path, settings: Settings, *, actor: str, now: datetime) -> Restored:
    """Restore `file` into a database of the same server that is dropped afterwards; the receipt goes into `database`,
    a failure's as well.

    Raises:
        Refused, Broken: as `restore`.
    """
    try:
        with (
            opened(file, Vault.of(settings)) as (manifest, dump),
            throwaway(database, application="restore-check", empty=True) as scratch,
        ):
            done = _fill(scratch, manifest, dump, Vault.of(settings))
    except OpsSpineError as error:
        with database.system() as connection:
            told = {"file": file.name, "error": str(error)}
            receipts.leave(connection, "restore-check", actor=actor, at=now, ok=False, detail=told)
        raise
    with database.system() as connection:
        receipts.leave(connection, "restore-check", actor=actor, at=now, ok=True, detail=done.told())
    return done


def _fill(database: Database, manifest: Manifest, dump: Path, vault: Vault) -> Restored:
    heads = read_heads(manifest, vault)
    if manifest.revision not in known_revisions():
        raise Refused(
            "restore.newer",
            f"The backup's schema is at {manifest.revision}, which this version of opsspine does not know: a newer one "
            "made it. Nothing was restored; use that version.",
        )
    if (major := server_major(database.url)) < manifest.server:
        raise Refused(
            "restore.server",
            f"The backup is of PostgreSQL {manifest.server}, and this server is {major}. Nothing was restored; "
            f"choose a server of version {manifest.server} or newer.",
        )
    _roles(database)
    arguments = ["--single-transaction", "--exit-on-error", "--no-owner", f"--dbname={_name(database)}", str(dump)]
    run(program("pg_restore", major), arguments, database.url)
    with database.owner() as connection:
        found = counts(connection)
        if wrong := differences(manifest.rows, found):
            raise Broken(f"The restored database is not what was backed up: {'; '.join(wrong[:5])}. Do not use it.")
        results = audit.verify_all(connection, known=heads)
        if bad := [str(one) for one in results.values() if one is not None]:
            raise Broken(f"The audit trail of the restored database is not whole: {'; '.join(bad[:5])}. Do not use it.")
        entries = found["audit_entries"]
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("analyze"))
    return Restored(manifest, sum(found.values()), len(results), entries, migrate(database))


def _require_empty(database: Database) -> None:
    with database.owner() as connection:
        query = text(
            "select count(*) from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')"
        )
        tables = connection.execute(query).scalar_one()
    if tables:
        raise Refused(
            "restore.not_empty",
            f"The database {_name(database)} is not empty: it has {tables} tables. A restore overwrites nothing, and "
            "nothing was done. Create an empty database and name it with --into, or look with --check first.",
        )


def _roles(database: Database) -> None:
    """The two roles every right is granted to; they belong to the server, so a dump cannot bear them."""
    with database.owner() as connection:
        for role in (APP_ROLE, SYSTEM_ROLE):
            if not connection.execute(text("select from pg_roles where rolname = :r"), {"r": role}).rowcount:
                connection.execute(text(f"create role {role} nologin"))
            connection.execute(text(f"grant {role} to current_user"))


def _name(database: Database) -> str:
    return str(database.engine.url.database)
