"""`opsspine outbox …`: what waits to be told, what was given up, and another try."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import typer
from rich.table import Table

from deployments.cli.context import database
from deployments.cli.screen import console
from spine.span import span
from store import outbox as stored
from store.health import outbox_state

outbox = typer.Typer(help="Notifications: list what waits or was given up, and retry.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Adds `opsspine outbox`."""
    app.add_typer(outbox, name="outbox")


@outbox.command("list")
def list_outbox(limit: Annotated[int, typer.Option(help="Rows at most.")] = 50) -> None:
    """Messages that wait or were given up, the gravest first, and channels that do not work."""
    opened, now = database(), datetime.now(UTC)
    with opened.system() as connection:
        rows, state = stored.undelivered(connection, limit), outbox_state(connection, now)
    opened.close()
    table = Table("id", "tenant", "channel", "topic", "status", "age", "attempts", "error")
    for row in rows:
        age = span(now - row.created_at)
        table.add_row(
            str(row.id), row.tenant_id, row.channel, row.topic, row.status, age, str(row.attempts), row.error or ""
        )
    console().print(table)
    for channel, error in state.held.items():
        typer.echo(f"{channel} does not work: {error}")
    typer.echo(f"{state.pending} wait, {state.failed} were given up.")


@outbox.command()
def retry(message: Annotated[UUID | None, typer.Argument(help="One message; default: all given up.")] = None) -> None:
    """Give messages that were given up a fresh set of attempts."""
    opened = database()
    with opened.system() as connection:
        requeued = stored.requeue(connection, now=datetime.now(UTC), message=message)
    opened.close()
    typer.echo(f"{requeued} messages are tried again.")
