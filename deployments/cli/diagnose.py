"""`opsspine diagnose`: ask the diagnostics of an incident's runbook by hand, and show what each saw."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from deployments.cli.context import database, settings
from deployments.cli.screen import console, whole
from spine.diagnostic import Answer
from spine.errors import Refused
from store import incidents


def register(app: typer.Typer) -> None:
    """Adds `opsspine diagnose`."""
    app.command()(diagnose)


def diagnose(
    incident: Annotated[str, typer.Argument(help="The incident's id, or its first characters.")],
    only: Annotated[list[str] | None, typer.Option(help="A diagnostic's key; repeat for several.")] = None,
) -> None:
    """Look at the world INCIDENT happened in, now. Changes nothing, and enters no plan."""
    from runbooks import catalogue
    from tasks.casing import read_case
    from tasks.diagnosing import ask_about
    from tasks.diagnostics import diagnostics

    opened, now = database(), datetime.now(UTC)
    with opened.system() as connection:
        found = incidents.get(connection, whole(connection, "incident", incident))
    serving = [key for key, one in diagnostics().items() if found.kind in one.spec.serves]
    book = catalogue().get(found.kind)
    keys = tuple(only or (book.asks if book else ()) or serving)
    if unknown := sorted(set(keys) - set(diagnostics())):
        known = ", ".join(diagnostics())
        raise Refused("diagnostic.unknown", f"There is no diagnostic {', '.join(unknown)}. There are: {known}.")
    answers = asyncio.run(ask_about(read_case(opened, found, now), keys, opened, settings()))
    opened.close()
    _show(answers)


def _show(answers: tuple[Answer, ...]) -> None:
    table = Table("diagnostic", "check", "state", "because", show_lines=True)
    for answer in answers:
        for check in answer.checks:
            table.add_row(answer.key, Text(check.name), check.state.value, Text(check.because))
    console().print(table if answers else "This kind of incident asks nothing outside.")
