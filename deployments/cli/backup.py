"""`opsspine backup` and `opsspine restore`: a copy of everything in one file, and the way back, rehearsed."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from deployments import instance
from deployments.cli.context import database, settings
from deployments.cli.operator import operator
from deployments.cli.output import record
from spine.settings import Settings
from store import restore as restoring
from store.backup import backup as take
from store.embedded import EmbeddedPostgres
from store.engine import Database
from store.secrets import Vault


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(backup)
    app.command()(restore)


def backup(
    file: Annotated[Path, typer.Argument(help="The file to write; it must not exist.")],
    encrypt: Annotated[bool, typer.Option("--encrypt", help="Seal it with the installation's secret key.")] = False,
) -> None:
    """Write everything we know to FILE, while everything goes on: a dump, row counts and the signed audit heads.

    The secret key is not in it; keep that elsewhere. Prefect's own database is not in it either: it is made anew.
    """
    current = settings()
    opened = database(current)
    taken = take(opened, file, Vault.of(current), actor=operator(), now=datetime.now(UTC), sealed=encrypt)
    opened.close()
    record({"file": file, "bytes": taken.bytes, "manifest": taken.manifest})
    typer.echo(f"{taken.manifest.total} rows of {len(taken.manifest.rows)} tables in {file} ({taken.bytes} bytes)")
    typer.echo(f"Rehearse the way back: opsspine restore --check {file}")


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `opsspine backup` wrote.")],
    check: Annotated[
        bool, typer.Option("--check", help="Only rehearse: restore into a scratch database, verify, and drop it.")
    ] = False,
    into: Annotated[
        str | None, typer.Option(metavar="URL", help="An empty database; default: the one of DATABASE_URL, or ours.")
    ] = None,
) -> None:
    """Fill an empty database from FILE, verify row counts and every audit chain, and bring the schema up to date."""
    current = settings()
    with _target(current, into, check=check) as opened:
        done = (restoring.check if check else restoring.restore)(
            opened, file, current, actor=operator(), now=datetime.now(UTC)
        )
    record(done)
    what = "Rehearsed" if check else "Restored"
    typer.echo(
        f"{what}: {done.rows} rows as they were {done.manifest.taken_at:%Y-%m-%d %H:%M} UTC, {done.entries} audit "
        f"entries of {done.chains} chains verified, schema {done.revision}"
    )


@contextmanager
def _target(current: Settings, into: str | None, *, check: bool) -> Iterator[Database]:
    """The database to fill, or beside which to rehearse; where nothing runs, our own is started for it."""
    if into:
        opened = Database(into)
    elif current.database_url or check or instance.instance(current):
        opened = database(current)
    else:
        with EmbeddedPostgres(current.data_dir / "postgres") as server:
            opened = Database(server.create_database("opsspine"))
            yield opened
            opened.close()
        return
    yield opened
    opened.close()
