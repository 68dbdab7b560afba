"""`opsspine cluster`: the topology of many machines as processes of this one (docs/production.md)."""

from typing import Annotated

import typer

from deployments.cli import service
from deployments.cli.context import settings
from deployments.cluster.requirement import require

app = typer.Typer(help="Two of each process, Redis between the Prefect servers: many machines, tried on one.")


def register(parent: typer.Typer) -> None:
    """Add the group."""
    parent.add_typer(app, name="cluster")


@app.command()
def up(foreground: Annotated[bool, typer.Option(help="Stay attached; Ctrl-C stops everything.")] = False) -> None:
    """Start two Prefect servers, gateways, relays and runners, over PostgreSQL and Redis.

    DATABASE_URL and REDIS_URL name servers of yours; without them it runs its own.
    """
    require(settings())
    service.start("deployments.cluster.supervisor", foreground=foreground)


@app.command()
def down() -> None:
    """Stop everything `cluster up` started. Nothing is lost: what was in flight goes on at the next start."""
    service.down()


@app.command()
def status() -> None:
    """Show which of its processes run, and how it feels; exit code 1 when something is down or failing."""
    service.status()
