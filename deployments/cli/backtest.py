"""`opsspine backtest`: which incidents would have opened on past events, and what a change of rules would alter."""

import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from deployments.cli.context import settings
from deployments.cli.ingest import source_of
from deployments.revision import replayed_at
from deployments.settings_file import overlaid
from spine.errors import Refused
from store.source import FORMATS, Source

_COUNTED = 7
"""Columns of a comparison that fit beside each other; the others are told in words."""


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
    other: Annotated[
        Path | None,
        typer.Option(
            "--settings",
            exists=True,
            dir_okay=False,
            help="A TOML file of settings laid over the present ones: replays with both and shows the difference",
        ),
    ] = None,
    revision: Annotated[
        str | None,
        typer.Option("--compare", metavar="REV", help="Replays with the code of a git revision, too, and compares"),
    ] = None,
    advice: Annotated[
        bool, typer.Option("--advice", help="Also tell what the engine would have proposed; comparisons always do")
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Processes at once, for replays of six days and more. Default: one per core"),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="With --settings or --compare: the comparison as Markdown, for a pull request")
    ] = None,
) -> None:
    """Replay a file minute by minute through the product's own path, in a database of its own.

    With --settings or --compare it is replayed twice, and the difference is shown: what the change would have opened,
    missed, graded differently, asked and affected. --out has the incidents after the change.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that its database is stopped, too
    if report and not other and not revision:
        raise Refused("backtest.report", "--report needs something to compare with: say --settings or --compare, too.")
    console = Console()
    source = source_of(file, format, tenant, year, timezone)
    replay = _Replays(console, source, history_days, jobs or os.cpu_count() or 1)
    compared = bool(other or revision)
    before: Sequence[dict[str, Any]] = []
    if revision:
        arguments = [str(file.resolve()), "--format", format]
        for name, value in (("--tenant", tenant), ("--history-days", history_days), ("--year", year),
                            ("--timezone", timezone)):  # fmt: skip
            arguments += [name, str(value)] if value is not None else []
        with console.status(f"replaying with the code of {revision}"):
            before = replayed_at(revision, arguments)
    elif other:
        before = replay(settings(), "before", advice=True)
    lines = replay(overlaid(other) if other else settings(), "after" if compared else "", advice=compared or advice)
    out.write_text("".join(json.dumps(line) + "\n" for line in lines))
    console.print(replay.summary(lines, out))
    if compared:
        then = revision or "the present settings"
        now = " and ".join(filter(None, ["the working tree" if revision else "", other.name if other else ""]))
        _show(console, before, lines, then, now, file, report)


class _Replays:
    """Reads the file once, and replays it as often as asked."""

    def __init__(self, console: Console, source: Source, history_days: float | None, jobs: int) -> None:
        self.console, self.source, self.history_days, self.jobs = console, source, history_days, jobs
        self.told = ""
        self.events: Any = None

    def __call__(self, with_settings: Any, label: str, *, advice: bool) -> list[dict[str, Any]]:
        from runbooks import catalogue
        from tasks.backtesting import backtest as replay  # pandas: not for every command
        from tasks.backtesting import load

        columns = (
            TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(),
            TimeRemainingColumn(),
        )  # fmt: skip
        with Progress(*columns, console=self.console) as bar:
            if self.events is None:
                reading = bar.add_task(f"reading {self.source.path.name}", total=1.0)
                self.events = load(self.source, lambda share: bar.update(reading, completed=share))
            events, refused = self.events
            if not events.num_rows:
                raise Refused(
                    "backtest.empty",
                    f"{self.source.path} has no event that can be read as {self.source.format}; nothing was replayed.",
                )
            replaying = bar.add_task(f"replaying {events.num_rows:,} events {label}".strip(), total=1)
            report = replay(
                events, with_settings, tenant=self.source.tenant, history_days=self.history_days,
                runbooks=catalogue if advice else None,
                progress=lambda done, total: bar.update(replaying, completed=done, total=total), jobs=self.jobs,
            )  # fmt: skip
        self.told = (
            f"{report.events:,} events, {refused + report.refused} rows refused, "
            f"{self.source.skipped.total():,} records were not about logging in, "
            f"{report.ticks:,} ticks run, {report.skipped:,} had nothing to see"
        )
        return report.lines

    def summary(self, lines: Sequence[dict[str, Any]], out: Path) -> str:
        """What was found, in one sentence."""
        addresses = {address for line in lines for address in line["evidence"].get("addresses", ())}
        return f"{len(lines)} incidents with {len(addresses)} addresses in {out}; {self.told}"


def _show(
    console: Console,
    before: Sequence[dict[str, Any]],
    after: Sequence[dict[str, Any]],
    then: str,
    now: str,
    file: Path,
    report: Path | None,
) -> None:
    from tasks.comparing import HEAD, compare, markdown, rows

    differences = compare(before, after)
    table = Table(*HEAD[:_COUNTED], title=f"{now} against {then}", box=box.SIMPLE)
    found = rows(differences)
    for row in found:
        table.add_row(*row[:_COUNTED])
    console.print(table)
    for row in found:
        told = ", ".join(f"{name}: {value}" for name, value in zip(HEAD[_COUNTED:], row[_COUNTED:], strict=True))
        console.print(f"{row[0]} {told}", soft_wrap=True)
    if report:
        what = f"{file.name}: {len(before)} incidents before, {len(after)} after."
        report.write_text(markdown(differences, what=what, before=then, after=now))
        console.print(f"The report is in {report}.")
