"""`opsspine runbooks`: which there are, what each one does, and running the operational ones."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from deployments.cli.context import database, settings
from deployments.cli.operator import operator
from deployments.cli.output import listing, record
from deployments.cli.screen import console
from spine.clock import SystemClock
from spine.errors import Refused
from spine.ids import tenant_id
from spine.incident import IncidentKind
from store import operations as kept

if TYPE_CHECKING:
    from runbooks.operation import Desk
    from spine.runbook import Runbook

runbooks = typer.Typer(help="What is done about each kind of incident, and as a routine.", no_args_is_help=True)
_Tenant = Annotated[str, typer.Option(help="For whom; default: the single tenant.")]


def register(app: typer.Typer) -> None:
    """Adds `opsspine runbooks`."""
    app.add_typer(runbooks, name="runbooks")


@runbooks.command("list")
def list_runbooks() -> None:
    """Every kind of incident that has a runbook, and the operational runbooks."""
    from runbooks import catalogue  # pandas: not for every command
    from runbooks.operational import operations

    table = Table("kind", "version", "title", "owner", "ladder")
    for book in catalogue().values():
        table.add_row(book.kind.value, book.version, book.title, book.owner, " > ".join(book.ladder))
    for one in operations().values():
        table.add_row(one.name, one.version, one.title, one.owner, " > ".join(step for step, _ in one.steps))
    console().print(table)


@runbooks.command("show")
def show_runbook(kind: str) -> None:
    """What KIND looks like, what is done about it, and what it must not be confused with; or a routine's page."""
    from runbooks.operational import operations

    if kind.lower() in operations():
        return manual_page(kind)
    try:
        book = find(kind)
    except Refused as refusal:
        raise typer.BadParameter(str(refusal)) from refusal
    out = console()
    out.print(f"{book.kind.value} {book.version}, owner: {book.owner}", style="bold", markup=False)
    out.print(book.summary.strip(), markup=False)
    out.print(_ladder(book))
    for function in book.steps:
        out.print(f"{function.__name__}: {(function.__doc__ or '').strip().splitlines()[0]}", markup=False)
    out.print(f"rolls back, in the first example, when {book.rolls_back_when(settings().verify)}", markup=False)
    out.print(f"hears of it: {book.messages.audience}", markup=False)
    for example in book.examples:
        out.print(f"example ({'acts' if example.acts else 'stays silent'}): {example.name}", markup=False)


@runbooks.command("docs")
def manual_page(kind: str) -> None:
    """The manual page of KIND as Markdown: trigger, steps, parameters, risks, rollback, drill."""
    from deployments.docs import operation
    from deployments.docs.manual import page
    from runbooks.operational import operations

    if (name := kind.lower()) in operations():
        typer.echo(operation.page(operations()[name]))
        return
    try:
        typer.echo(page(find(kind)))
    except Refused as refusal:
        raise typer.BadParameter(str(refusal)) from refusal


@runbooks.command("run")
def run_operation(name: str, tenant: _Tenant = "") -> None:
    """Run the operational runbook NAME now. Exit code 1 when it did not pass."""
    from runbooks.operational import operation_named

    chosen, desk = operation_named(name), _desk(tenant)
    done = asyncio.run(chosen.run(desk))
    desk.database.close()
    head, *rows = done.rows
    table = Table(*head, show_lines=True)
    for row in rows:
        table.add_row(*map(Text, row))
    console().print(table if rows else "Nothing to tell.")
    typer.echo(done.outcome)
    raise typer.Exit(0 if done.passed else 1)


@runbooks.command("drill")
def drill_operation(name: str, tenant: _Tenant = "") -> None:
    """Rehearse the operational runbook NAME in a database of its own. Exit code 1 when it failed."""
    from runbooks.operation import rehearse
    from runbooks.operational import operation_named

    chosen, desk = operation_named(name), _desk(tenant)
    done = asyncio.run(rehearse(chosen, desk))
    desk.database.close()
    if record(done):
        table = Table("", "looked at", "expected", "seen")
        for one in done.detail["assertions"]:
            mark = Text("✓", style="green") if one["passed"] else Text("✗", style="red")
            table.add_row(mark, *(Text(one[field]) for field in ("name", "expected", "observed")))
        console().print(table)
    typer.echo(f"{done.outcome}, score {done.detail['score']:.0%}")
    raise typer.Exit(0 if done.passed else 1)


@runbooks.command("runs")
def list_runs(
    name: Annotated[str, typer.Argument(help="Of this operational runbook only.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=200)] = 20,
    tenant: _Tenant = "",
) -> None:
    """Runs and drills of operational runbooks, newest first."""
    opened = database()
    with opened.tenant(tenant_id(tenant)) as connection:
        found = kept.runs(connection, name or None, limit=limit).items
    opened.close()
    listing(
        found,
        {
            "run": lambda one: one.id, "what": lambda one: one.operation, "drill": lambda one: "drill" * one.drill,
            "at (UTC)": lambda one: f"{one.started_at:%Y-%m-%d %H:%M}", "by": lambda one: one.who,
            "outcome": lambda one: one.outcome,
        },
        empty="None was run yet.",
    )  # fmt: skip


def _desk(tenant: str) -> "Desk":
    from runbooks.operation import Desk

    current = settings()
    return Desk(
        database=database(current), settings=current, clock=SystemClock(), tenant=tenant_id(tenant), who=operator()
    )


def find(kind: str) -> "Runbook":
    """The runbook of `kind`, upper or lower case.

    Raises:
        Refused: there is no such kind, or nobody has written its runbook.
    """
    from runbooks import catalogue

    books = catalogue()
    wanted = kind.upper().replace("-", "_")
    if wanted in IncidentKind.__members__ and IncidentKind(wanted) in books:
        return books[IncidentKind(wanted)]
    have = ", ".join(k.value for k in books)
    raise Refused("runbook.unknown", f"There is no runbook for {kind[:60]!r}. There are: {have}.")


def _ladder(book: "Runbook") -> Table:
    from tasks.mitigations import actions

    registry = actions()
    table = Table("action", "what", "risk", "holds", "flag")
    for key in book.ladder:
        spec = registry[key].spec
        risk = "by parameters" if callable(spec.risk) else spec.risk.value
        holds = f"{spec.ttl.default} ({spec.ttl.min} to {spec.ttl.max})" if spec.ttl else "no effect that lasts"
        table.add_row(key, spec.title, risk, holds, spec.flag_key or "")
    return table
