"""`opsspine health`: how every part of the spine is, for how long, what that means and what to do."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from deployments.cli.context import database, settings
from deployments.cli.output import record
from deployments.cli.screen import console
from spine.clock import SystemClock
from spine.health import Reading, Status, worst
from spine.settings import Settings
from spine.span import span
from store.engine import Database
from store.heartbeats import beats
from store.standings import standings
from store.vital import CHECKS, schema, vital_signs, watch

_COLOUR = {Status.PASS: "green", Status.WARN: "yellow", Status.FAIL: "bold red"}
_ORDER = (Status.FAIL, Status.WARN, Status.PASS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of the spine as it is shown."""

    part: str
    status: Status
    said: str
    observed: float | None
    unit: str
    since: datetime | None
    means: str
    do: str


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("health")(health)


def health(
    now: Annotated[bool, typer.Option("--now", help="Look at every part that is due now, instead of reading.")] = False,
) -> None:
    """How every part is: the worst first, with what it means and what to do. Exit code 1 when one fails.

    Works without the gateway, Prefect and the runner: it asks the database alone.
    """
    current = settings()
    opened = database(current)
    found = parts(opened, current, look=now)
    opened.close()
    if record({"status": worst(one.status for one in found), "checks": found}):
        _show(console(), found)
    if any(one.status is Status.FAIL for one in found):
        raise typer.Exit(1)


def parts(opened: Database, current: Settings, *, look: bool) -> list[Part]:
    """Every part, the worst first."""
    reading = schema(opened)
    if reading.status is Status.FAIL:
        return [_part("database", reading, None)]
    if look:
        from tasks.checking import check_once  # not for every command

        check_once(opened, current, SystemClock())
    at = datetime.now(UTC)
    with opened.system() as connection:
        kept = standings(connection)
        live = vital_signs(connection, current, at)
        live["checks"] = watch(beats(connection).get(CHECKS), current, at)
    found = {key: _part(key, one.reading, one.since) for key, one in kept.items()}
    for key, sign in live.items():
        since = kept[key].since if key in kept and kept[key].status is sign.status else None
        found[key] = _part(key, sign, since)
    return sorted(found.values(), key=lambda one: (_ORDER.index(one.status), one.part))


def _part(key: str, reading: Reading, since: datetime | None) -> Part:
    return Part(
        part=key, status=reading.status, said=reading.said, observed=reading.observed, unit=reading.unit, since=since,
        means=reading.means, do=reading.do,
    )  # fmt: skip


def _show(out: Console, found: list[Part]) -> None:
    table, now = Table("part", "", "what is seen", "for", box=None), datetime.now(UTC)
    for one in found:
        lasted = span(now - one.since) if one.since else ""
        table.add_row(one.part, Text(one.status.value, style=_COLOUR[one.status]), Text(one.said), lasted)
    out.print(table)
    for one in found:
        if one.status is not Status.PASS:
            out.print(f"\n[bold]{one.part}[/bold]", highlight=False)
            out.print(f"  It means: {one.means}\n  Do:       {one.do}", markup=False, highlight=False)
