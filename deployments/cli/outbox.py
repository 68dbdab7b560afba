"""`opsspine outbox …`: what waits to be told, what was given up, and another try."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import typer

from deployments.cli.context import system
from deployments.cli.output import listing, record
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
    now = datetime.now(UTC)
    with system() as connection:
        rows, state = stored.undelivered(connection, limit), outbox_state(connection, now)
    listing(
        [dict(row._mapping) for row in rows],
        {
            "id": lambda row: row["id"],
            "tenant": lambda row: row["tenant_id"],
            "channel": lambda row: row["channel"],
            "topic": lambda row: row["topic"],
            "status": lambda row: row["status"],
            "age": lambda row: span(now - row["created_at"]),
            "attempts": lambda row: row["attempts"],
            "error": lambda row: row["error"],
        },
        empty="Everything was delivered.",
    )
    for channel, error in state.held.items():
        typer.echo(f"{channel} does not work: {error}")
    typer.echo(f"{state.pending} wait, {state.failed} were given up.")


@outbox.command()
def retry(message: Annotated[UUID | None, typer.Argument(help="One message; default: all given up.")] = None) -> None:
    """Give messages that were given up a fresh set of attempts."""
    with system() as connection:
        requeued = stored.requeue(connection, now=datetime.now(UTC), message=message)
    record({"requeued": requeued})
    typer.echo(f"{requeued} messages are tried again.")
