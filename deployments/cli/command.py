"""What every command has in common: `--json`, completion, and errors in their own words.

Commands are plain functions; here each is wrapped in one that takes `--json` as well.
"""

import contextlib
import functools
import inspect
import io
import json
import sys
from collections.abc import Callable
from typing import Annotated, Any, get_type_hints

import typer

from deployments.cli import complete, output
from deployments.cli.outcome import Told

_JSON = Annotated[
    bool, typer.Option("--json", help="Answer in JSON: ok, data, messages. See docs/reference/cli.md.")
]  # fmt: skip
_FLAG = "as_json"


def dress(app: typer.Typer) -> None:
    """Give every command below `app` what all have in common."""
    for command in app.registered_commands:
        if command.callback is not None:
            command.callback = dressed(command.callback)
    for group in app.registered_groups:
        if group.typer_instance is not None:
            dress(group.typer_instance)


def dressed(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` as a command: it takes `--json`, and what it raises is told with its exit code."""

    @functools.wraps(function)
    def command(**given: Any) -> None:
        with output.answering(given.pop(_FLAG)) as document:
            code = _run(function, given, document)
        if code:
            raise typer.Exit(code)

    hints = get_type_hints(function, include_extras=True)
    plain = inspect.signature(function)
    parameters = [
        one.replace(annotation=complete.attached(one.name, hints[one.name], required=one.default is one.empty))
        for one in plain.parameters.values()
    ]
    flag = inspect.Parameter(_FLAG, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=_JSON)
    signature = plain.replace(parameters=[*parameters, flag], return_annotation=None)
    command.__signature__ = signature  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in signature.parameters.values()}
    del command.__wrapped__  # its signature is not ours
    return command


def _run(function: Callable[..., Any], given: dict[str, Any], document: output.Document | None) -> int:
    """Run it and answer; returns the exit code. For programs nothing but one document reaches the output."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said) if document else contextlib.nullcontext():
            function(**given)
        code = 0
    except typer.Exit as end:
        code = end.exit_code
    except (typer.Abort, typer.BadParameter):
        raise
    except Exception as error:
        return _tell(Told(error), document)
    if document is not None:
        sys.stdout.write(document.rendered(said.getvalue(), code) + "\n")
    return code


def _tell(told: Told, document: output.Document | None) -> int:
    if document is None:
        typer.echo(f"error: {told.message}", err=True)
    else:
        error = {"code": told.code, "message": told.message}
        typer.echo(json.dumps({"ok": False, "error": error, "exit": int(told.exit)}, indent=2, ensure_ascii=False))
    if told.trace:
        typer.echo(told.trace, err=True)
    return int(told.exit)
