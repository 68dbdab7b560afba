"""`opsspine --version`: which release this is."""

from importlib.metadata import version
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the option to `opsspine` itself."""
    app.callback()(opsspine)


def _tell(asked: bool) -> None:
    if asked:
        typer.echo(f"opsspine {version('opsspine')}")
        raise typer.Exit


def opsspine(
    _version: Annotated[
        bool, typer.Option("--version", callback=_tell, is_eager=True, help="Say which release this is, and end.")
    ] = False,
) -> None:
    """What comes before every command."""
