"""`opsspine deploy`: register the deployments with a work pool, whose workers then run them."""

import asyncio
from typing import Annotated

import typer

from deployments.cli.context import settings
from deployments.cli.orchestrator import reach
from deployments.cli.output import record
from deployments.cli.screen import console

_Pool = Annotated[str, typer.Option(help="The work pool's name.")]
_Kind = Annotated[str | None, typer.Option("--type", help="Make the pool if missing: process, docker or kubernetes.")]
_Image = Annotated[str | None, typer.Option(help="What containers run, as registry/opsspine:1.2.3.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(deploy)


def deploy(pool: _Pool, kind: _Kind = None, image: _Image = None) -> None:
    """Register every flow with a work pool: from then on its workers run them, and no runner is needed.

    May be run again at any time: what is there already is brought up to date.
    """
    current = settings()
    reach(current)
    from deployments import pool as pools
    from deployments.serve import deployments

    made = asyncio.run(deployments(current))
    found = asyncio.run(pools.deploy(made, pool, kind, image))
    names = sorted(f"{one.flow_name}/{one.name}" for one in made)
    if record({"pool": found.name, "type": found.type, "image": image, "deployments": names}):
        console().print(f"{len(names)} deployments are registered with the work pool [bold]{found.name}[/].")
        console().print(f"Start workers: prefect worker start --pool {found.name} --type {found.type}")
