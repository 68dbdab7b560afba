"""The page about the command line as a whole: exit codes, JSON, completion."""

from deployments.cli.complete import offer_for
from deployments.cli.outcome import MEANING, ExitCode
from deployments.docs.command import commands
from deployments.docs.markdown import first_paragraph, table
from deployments.docs.markdown import page as whole_page

_INTRODUCTION = """What all of `opsspine` has in common. The commands themselves are listed in
[commands.md](commands.md)."""

_JSON = """Every command takes `--json`, and then writes one JSON document to standard output and nothing else:

```json
{"ok": true, "data": [{"id": "…", "severity": "high"}], "messages": []}
{"ok": false, "data": {"status": "fail"}, "messages": [], "exit": 1}
{"ok": false, "error": {"code": "incident.unknown", "message": "…"}, "exit": 1}
```

`data` is what the command is about: a list of rows, one object, or null. Ids and moments (UTC, ISO 8601) are text,
lengths are seconds, severities are `info`, `medium`, `high` or `critical`. `messages` are the sentences a person would
have read; programs should not parse them. `error.code` is stable. `opsspine audit tail --follow --json` has no end, so
it writes one entry a line."""

_COMPLETION = """`opsspine --install-completion` teaches the shell to complete commands and options, and what stands
below by what the running spine knows; without a spine nothing is offered. Ids may be given by their first characters
everywhere."""

_TROUBLE = """An error says what happened, what it means and what to do next. `OPSSPINE_TRACEBACK=1` adds where in the
code it happened."""


def page() -> str:
    """Exit codes, the shape of JSON, and what is completed."""
    codes = table(
        ["exit code", "name", "meaning"],
        [(str(int(code)), f"`{code.name.lower()}`", MEANING[code]) for code in ExitCode],
    )
    named = sorted({p.name for _, command in commands() for p in command.params if offer_for(str(p.name))})
    offered = table(["parameter", "offered"], [(f"`{name}`", _offered(name)) for name in named])
    parts = ["## Exit codes", first_paragraph(ExitCode.__doc__), codes, _TROUBLE, "## JSON", _JSON]
    return whole_page(
        "The command line", "`deployments/cli/`", _INTRODUCTION, *parts, "## Completion", _COMPLETION, offered
    )


def _offered(name: str) -> str:
    return {
        "kind": "types of incident",
        "as_": "addresses of people",
        "who": "addresses of people",
        "email": "addresses of people",
        "tenant": "tenants that have an audit trail",
        "approval": "approvals that wait",
        "lease": "mitigations in force",
        "suppression": "windows that run or are to come",
    }.get(name, "incidents, live ones first")
