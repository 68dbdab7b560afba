"""The page of commands: every `opsspine …`, from the command line itself."""

from collections.abc import Iterator
from typing import Any

import typer

from deployments.cli import app
from deployments.docs.markdown import first_paragraph, table
from deployments.docs.markdown import page as whole_page

_INTRODUCTION = """Every command takes `--help` and `--json`; exit codes and the shape of JSON are in
[cli.md](cli.md). Commands that change something are audited. They work on the spine that `opsspine up` runs, or on the
database of `DATABASE_URL`."""


def page() -> str:
    """`opsspine` itself, and every command, with its options."""
    sections = [section("", typer.main.get_command(app)), *(section(*found) for found in commands())]
    return whole_page("Commands", "`deployments/cli/`", _INTRODUCTION, *sections)


def commands() -> Iterator[tuple[str, Any]]:
    """(words after `opsspine`, command) of all commands, in order of name."""
    yield from sorted(_leaves((), typer.main.get_command(app)), key=lambda found: found[0])


def options(command: Any) -> set[str]:
    """The options of `command`, as they are typed."""
    return {"--help", *(name for p in command.params for name in (*p.opts, *p.secondary_opts) if name.startswith("-"))}


def section(words: str, command: Any) -> str:
    """One command; without `words` what comes before them."""
    context = typer.Context(command)
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    usage = " ".join(filter(None, ["opsspine", words, *(_argument(p) for p in arguments)]))
    rows = [(f"`{_argument(p)}`", p.help or "") for p in arguments if p.help]
    records = [p.get_help_record(context) for p in command.params if p.param_type_name == "option"]
    rows += [(f"`{option}`", " ".join(meaning.split())) for option, meaning in filter(None, records)]
    said = [f"## `{usage}`", first_paragraph(command.help)]
    return "\n\n".join([*said, table(["option", "meaning"], rows)] if rows else said)


def _leaves(words: tuple[str, ...], command: Any) -> Iterator[tuple[str, Any]]:
    below = getattr(command, "commands", None)
    if below is None:
        yield " ".join(words), command
        return
    for name, one in below.items():
        yield from _leaves((*words, name), one)


def _argument(parameter: Any) -> str:
    name = str(parameter.name).upper()
    return name if parameter.required else f"[{name}]"
