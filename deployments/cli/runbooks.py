"""`opsspine runbooks`: which there are, and what each one does."""

from typing import TYPE_CHECKING

import typer
from rich.table import Table

from deployments.cli.context import settings
from deployments.cli.screen import console
from spine.errors import Refused
from spine.incident import IncidentKind

if TYPE_CHECKING:
    from spine.runbook import Runbook

runbooks = typer.Typer(help="What is done about each kind of incident.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Adds `opsspine runbooks`."""
    app.add_typer(runbooks, name="runbooks")


@runbooks.command("list")
def list_runbooks() -> None:
    """Every kind of incident that has a runbook."""
    from runbooks import catalogue  # pandas: not for every command

    table = Table("kind", "version", "title", "owner", "ladder")
    for book in catalogue().values():
        table.add_row(book.kind.value, book.version, book.title, book.owner, " > ".join(book.ladder))
    console().print(table)


@runbooks.command("show")
def show_runbook(kind: str) -> None:
    """What KIND looks like, what is done about it, and what it must not be confused with."""
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
    from deployments.docs.manual import page

    try:
        typer.echo(page(find(kind)))
    except Refused as refusal:
        raise typer.BadParameter(str(refusal)) from refusal


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
