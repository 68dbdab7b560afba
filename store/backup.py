"""Backups: one file that holds a dump of our database and a manifest of what it must be after a restore.

The dump and the manifest see the same snapshot, so that counts and the heads of audit chains are exact while everything
goes on. The vault's key is in neither: without it second factors and contacts stay sealed.
"""

import os
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, text

from spine.errors import Refused
from spine.ids import mint
from store import receipts
from store.engine import Database
from store.manifest import Manifest, counts, sha256_of, sign_heads
from store.migrate import current
from store.pgtool import program, run, server_major
from store.sealed_file import is_sealed, seal, unseal
from store.secrets import Vault

_MANIFEST, _DUMP = "manifest.json", "database.dump"


@dataclass(frozen=True, slots=True)
class Taken:
    """A backup that was taken."""

    file: Path
    manifest: Manifest
    bytes: int


def backup(database: Database, file: Path, vault: Vault, *, actor: str, now: datetime, sealed: bool = False) -> Taken:
    """Write a backup of our database to `file`, which must not exist; its receipt goes into the database.

    Raises:
        Refused: the file exists, there is no schema, or no fitting pg_dump.
        Broken: pg_dump failed.
    """
    if file.exists():
        raise Refused("backup.exists", f"{file} exists, and a backup overwrites nothing. Choose another name.")
    found = program("pg_dump", server_major(database.url))
    with tempfile.TemporaryDirectory(prefix=f".{file.name}.", dir=file.parent) as folder:
        manifest = _dump(database, found, Path(folder), vault, now)
        plain = Path(folder) / "backup.tar"
        with tarfile.open(plain, "w") as packed:
            for name in (_MANIFEST, _DUMP):
                packed.add(Path(folder) / name, name)
        if sealed:
            seal(plain, Path(folder) / "sealed", vault.backup_key())
            plain = Path(folder) / "sealed"
        plain.chmod(0o600)
        with plain.open("rb") as written:
            os.fsync(written.fileno())
        os.link(plain, file)  # whole or not at all, and never over another one
    taken = Taken(file, manifest, file.stat().st_size)
    with database.system() as connection:
        receipts.leave(connection, "backup", actor=actor, at=now, ok=True, detail=_told(taken, sealed))
    return taken


@contextmanager
def opened(file: Path, vault: Vault) -> Iterator[tuple[Manifest, Path]]:
    """The manifest and the dump of a backup, while the block runs.

    Raises:
        Refused: it is no backup, is damaged, or does not open with this key.
    """
    if not file.is_file():
        raise Refused("backup.missing", f"There is no file {file}. Nothing was done.")
    with tempfile.TemporaryDirectory(prefix="opsspine-restore-") as folder:
        plain = file
        if is_sealed(file):
            plain = Path(folder) / "plain"
            unseal(file, plain, vault.backup_key())
        try:
            with tarfile.open(plain) as packed:
                packed.extractall(folder, members=[packed.getmember(n) for n in (_MANIFEST, _DUMP)], filter="data")
        except (tarfile.TarError, KeyError, OSError) as error:
            raise Refused("backup.damaged", f"{file} is no backup of ours, or is damaged: {error}") from error
        manifest = Manifest.parse((Path(folder) / _MANIFEST).read_text(encoding="utf-8"))
        if sha256_of(Path(folder) / _DUMP) != manifest.sha256:
            raise Refused(
                "backup.damaged",
                f"{file} is damaged: the dump in it is not the one that was written. Take another backup's file.",
            )
        yield manifest, Path(folder) / _DUMP


def _dump(database: Database, found: Path, folder: Path, vault: Vault, now: datetime) -> Manifest:
    revision = current(database)
    if revision is None:
        raise Refused("backup.empty", "This database has no schema of ours, so there is nothing to back up.")
    with database.owner() as connection:
        connection.execute(text("set transaction isolation level repeatable read, read only"))
        connection.execute(text("set local idle_in_transaction_session_timeout = 0"))  # it waits while the dump is made
        snapshot = connection.execute(text("select pg_export_snapshot()")).scalar_one()
        arguments = ["--format=custom", "--no-owner", "--no-unlogged-table-data", f"--snapshot={snapshot}"]
        if not _sees_all(connection):
            arguments.append("--enable-row-security")  # the policy of opsspine_system shows its members every row
        run(found, [*arguments, f"--file={folder / _DUMP}"], database.url)
        manifest = Manifest(
            id=str(mint()), at=now.astimezone(UTC).isoformat(), server=server_major(database.url), revision=revision,
            rows=counts(connection), heads=sign_heads(connection, vault, now), sha256=sha256_of(folder / _DUMP),
        )  # fmt: skip
    (folder / _MANIFEST).write_text(manifest.text(), encoding="utf-8")
    return manifest


def _sees_all(connection: Connection) -> bool:
    asked = text("select rolsuper or rolbypassrls from pg_roles where rolname = current_user")
    return bool(connection.execute(asked).scalar_one())


def _told(taken: Taken, sealed: bool) -> dict[str, object]:
    manifest = taken.manifest
    return {
        "backup": manifest.id, "file": taken.file.name, "bytes": taken.bytes, "rows": manifest.total,
        "tables": len(manifest.rows), "revision": manifest.revision, "sha256": manifest.sha256, "sealed": sealed,
    }  # fmt: skip
