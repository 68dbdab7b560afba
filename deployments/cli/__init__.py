"""The `opsspine` command: one file per noun, found by name."""

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import typer
from typer.core import TyperGroup

from spine.errors import OpsSpineError


class _Explaining(TyperGroup):
    """An expected error is told in its own words, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except OpsSpineError as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(1) from error


app = typer.Typer(
    name="opsspine",
    cls=_Explaining,
    help="Incident automation for authentication: detect, approve, mitigate, verify, roll back, audit.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)

for _module in sorted(iter_modules(__path__), key=lambda m: m.name):
    _register = getattr(import_module(f"{__name__}.{_module.name}"), "register", None)
    if _register is not None:
        _register(app)
