"""`opsspine demo`: a real login page under a real attack, and the loop closed."""

from typing import Annotated

import typer

from deployments.demo.option import Approve, DemoOptions, Off


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running at the end.")] = False,
    approve: Annotated[Approve, typer.Option(help="Who approves: a scripted person in Slack, or you.")] = "slack",
    off: Annotated[Off | None, typer.Option(help="Switch this part off and see the demo fail, as it must.")] = None,
) -> None:
    """Attack a real application and watch the answer; exit code 0 only if every stage really happened."""
    from deployments.demo.run import run_demo  # starting the command line must not wait for the demo's imports

    raise typer.Exit(run_demo(DemoOptions(keep=keep, approve=approve, off=off)))
