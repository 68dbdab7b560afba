"""`opsspine backtest`: which incidents would have opened on past events."""

import json
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from deployments.cli.context import settings
from deployments.cli.ingest import source_of
from spine.errors import Refused
from store.source import FORMATS


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("backtest")(backtest)


def backtest(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A file of events; .gz is fine")],
    out: Annotated[Path, typer.Option(help="Where the incidents go, one JSON object a line")],
    format: Annotated[str, typer.Option(help=" | ".join(FORMATS))] = "parquet",
    tenant: Annotated[str | None, typer.Option(help="Whose events; default: what each row says, else `_`")] = None,
    history_days: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="First days that only feed the baselines. Default: 28 if the file reaches further, else 0; "
            "without history the absolute floors apply from the first event on",
        ),
    ] = None,
    year: Annotated[int | None, typer.Option(help="sshd: year of the first line; default: the latest possible")] = None,
    timezone: Annotated[str | None, typer.Option(help="Of times without a zone, for instance Europe/Berlin")] = None,
) -> None:
    """Replay a file minute by minute through the product's own path, in a database of its own."""
    from tasks.backtesting import backtest as replay  # pandas: not for every command
    from tasks.backtesting import load

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that its database is stopped, too
    console = Console()
    source = source_of(file, format, tenant, year, timezone)
    columns = (
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console) as bar:
        reading = bar.add_task(f"reading {file.name}", total=1.0)
        events, refused = load(source, lambda share: bar.update(reading, completed=share))
        if events.empty:
            raise Refused("backtest.empty", f"{file} has no event that can be read as {format}; nothing was replayed.")
        replaying = bar.add_task(f"replaying {len(events):,} events", total=1)
        report = replay(
            events, settings(), tenant=source.tenant, history_days=history_days,
            progress=lambda done, total: bar.update(replaying, completed=done, total=total),
        )  # fmt: skip
    out.write_text("".join(json.dumps(line) + "\n" for line in report.lines))
    addresses = {address for line in report.lines for address in line["evidence"]["addresses"]}
    console.print(
        f"{len(report.lines)} incidents with {len(addresses)} addresses in {out}; {report.events:,} events, "
        f"{refused + report.refused} rows refused, {source.skipped.total():,} records were not about logging in, "
        f"{report.ticks:,} ticks run, {report.skipped:,} had nothing to see"
    )
