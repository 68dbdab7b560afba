"""`opsspine ingest`: files of events into the store."""

from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from deployments.cli.context import database, settings
from spine.errors import Refused
from spine.event import EventLimits
from spine.ids import tenant_id
from store.bulk import ingest_frame
from store.engine import Database
from store.fold import fold
from store.geo import GeoIp
from store.ingest import IngestReport
from store.profile import refresh_profile
from store.source import FORMATS, Source

HISTORY = timedelta(days=20 * 365)
"""A file may be old: whoever loads it wants it. Retention drops what is older than it keeps all the same."""
_SKIPPED_TOLD = 10


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("ingest")(ingest)


def ingest(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A file of events; .gz is fine")],
    format: Annotated[str, typer.Option(help=" | ".join(FORMATS))],
    tenant: Annotated[str | None, typer.Option(help="Whose events; default: what each row says, else `_`")] = None,
    year: Annotated[int | None, typer.Option(help="sshd: year of the first line; default: the latest possible")] = None,
    timezone: Annotated[str | None, typer.Option(help="Of times without a zone, for instance Europe/Berlin")] = None,
) -> None:
    """Read a file of events as it is. Doing it twice counts nothing twice."""
    console = Console()
    source = source_of(file, format, tenant, year, timezone)
    current = settings()
    geo, opened = GeoIp.of(current.geoip_file), database(current)
    try:
        report = _load(opened, source, geo, console)
        with console.status("counting"), opened.system() as connection:
            fold(connection)
            refresh_profile(connection, datetime.now(UTC))
    finally:
        opened.close()
    console.print(summary(report, source))
    if not report.accepted and not report.duplicate:
        console.print(f"Nothing in {file} was accepted as {format}; the reasons are above.", style="red")
        raise typer.Exit(1)


def source_of(file: Path, format: str, tenant: str | None, year: int | None, timezone: str | None) -> Source:
    """What the options of a command that reads events say.

    Raises:
        Refused: the tenant is malformed, or there is no such format or time zone.
    """
    return Source(
        path=file, format=_format(format), now=datetime.now(UTC), tenant=None if tenant is None else tenant_id(tenant),
        year=year, timezone=_zone(timezone), limits=EventLimits(max_age=HISTORY),
    )  # fmt: skip


def summary(report: IngestReport, source: Source) -> Table:
    """What became of the rows, as a table."""
    table = Table("rows", "count", title="ingest")
    table.columns[1].justify = "right"
    table.add_row("accepted", f"{report.accepted:,}")
    table.add_row("duplicate (already there)", f"{report.duplicate:,}")
    for reason, number in report.reasons.most_common():
        table.add_row(f"rejected: {reason}", f"{number:,}", style="yellow")
    if not report.reasons:
        table.add_row("rejected", "0")
    for (what, name), number in sorted(report.unusual.items()):
        table.add_row(f"kept, but unusual: {what} {escape(name)}", f"{number:,}", style="yellow")
    for kind, number in source.skipped.most_common(_SKIPPED_TOLD):
        table.add_row(f"skipped, not about logging in: {escape(kind)}", f"{number:,}")
    if rest := sum(number for _, number in source.skipped.most_common()[_SKIPPED_TOLD:]):
        table.add_row("skipped, of other kinds", f"{rest:,}")
    return table


def _load(opened: Database, source: Source, geo: GeoIp | None, console: Console) -> IngestReport:
    columns = (
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console) as progress:
        reading = progress.add_task(f"reading {source.path.name}", total=1.0)
        tables = source.tables(lambda share: progress.update(reading, completed=share))
        return ingest_frame(
            opened,
            tables if geo is None else map(geo.table, tables),
            tenant_id=source.tenant,
            now=source.now,
            limits=source.limits,
            timezone=source.timezone,
            progress=lambda rows: progress.update(reading, description=f"{rows:,} rows"),
        )


def _format(name: str) -> str:
    if name not in FORMATS:
        raise Refused("ingest.format", f"There is no format {name!r}; known are {', '.join(FORMATS)}.")
    return name


def _zone(name: str | None) -> tzinfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise Refused("ingest.timezone", f"There is no time zone {name!r}; give one as Europe/Berlin.") from error
