"""The `opsspine` command: one file per noun, found by name."""

from importlib import import_module
from pkgutil import iter_modules

import typer

from deployments.cli.command import dress

app = typer.Typer(
    name="opsspine",
    help="Incident automation for authentication: detect, approve, mitigate, verify, roll back, audit. "
    "Every command takes --json.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)

for _module in sorted(iter_modules(__path__), key=lambda m: m.name):
    _register = getattr(import_module(f"{__name__}.{_module.name}"), "register", None)
    if _register is not None:
        _register(app)
dress(app)
