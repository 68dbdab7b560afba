"""`opsspine drill`: rehearse a runbook on synthetic evidence, and see when each was rehearsed last."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from deployments.cli.context import database, settings
from deployments.cli.operator import operator
from deployments.cli.orchestrator import reach
from deployments.cli.screen import console
from spine.errors import Broken, Refused
from spine.ids import mint, tenant_id
from spine.incident import IncidentKind
from spine.settings import Settings
from store import drills as stored
from store import incidents
from store.drills import DrillRun
from store.engine import Database

_LOOK_SECONDS = 0.5
_LOST_SECONDS = 60
"""A run that has not begun after so long is looked for at the orchestrator."""
_SILENT_SECONDS = 5
"""One that has begun is looked for so often."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("drill")(drill)


def drill(
    kind: Annotated[
        str, typer.Argument(help="Which runbook; its name in any case, for instance failed_logins_spike")
    ] = "",
    negative: Annotated[bool, typer.Option("--negative", help="What looks like trouble and is none.")] = False,
    name: Annotated[
        str, typer.Option(help="One drill alone; default: all of the runbook's, negative ones apart.")
    ] = "",
    seed: Annotated[int, typer.Option(help="The same seed plays the same evidence.")] = 1,
    tenant: Annotated[str, typer.Option(help="In whose name; default: the single tenant.")] = "",
    unattended: Annotated[bool, typer.Option("--unattended", help="Stand-ins decide; no person is asked.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="Only tell when each runbook was rehearsed last.")] = False,
) -> None:
    """Rehearse the runbook of KIND through the running spine: nothing real is touched. Exit code 1 when it fails."""
    current = settings()
    opened, out = database(current), console()
    if list_:
        out.print(_freshness(opened, current))
        return
    chosen = _chosen(kind, name, negative)
    owner = tenant_id(tenant)
    passed = [
        _play(opened, current, out, which, one, seed=seed, tenant=owner, unattended=unattended) for which, one in chosen
    ]
    opened.close()
    raise typer.Exit(0 if all(passed) else 1)


def _chosen(kind: str, name: str, negative: bool) -> list[tuple[IncidentKind, str]]:
    """The drills that were asked for.

    Raises:
        Refused: there is no such runbook, or it has no such drill.
    """
    from runbooks.drills import drill_named, drills  # pandas: not for every command

    wanted = kind.upper().replace("-", "_")
    known = {one.value: one for one in drills()}
    if wanted not in known:
        have = ", ".join(word.lower() for word in known)
        raise Refused("drill.kind", f"There are no drills of {kind[:60]!r}. There are drills of {have}.")
    which = known[wanted]
    if name:
        return [(which, drill_named(which, name).name)]
    found = [(which, one.name) for one in drills()[which] if one.negative == negative]
    if not found:
        raise Refused("drill.none", f"{wanted.lower()} has no {'negative' if negative else 'positive'} drill.")
    return found


def _play(
    opened: Database,
    current: Settings,
    out: Console,
    kind: IncidentKind,
    name: str,
    *,
    seed: int,
    tenant: str,
    unattended: bool,
) -> bool:
    """Start one drill, tell its story while it goes, and what came of it; True = passed."""
    parameters = {"name": name, "seed": seed, "tenant": tenant, "unattended": unattended, "who": operator()}
    run = _start(current, kind, parameters)
    out.print(f"[bold]{kind.value.lower()} {name}[/], drill {run}")
    if not unattended:
        out.print("People are asked as for a real incident, under the word DRILL. `opsspine approvals list` shows it.")
    done = _follow(opened, out, run)
    out.print(_assertions(done))
    verdict = "[green]passed[/]" if done.passed else "[red]failed[/]"
    out.print(f"{verdict}, score {done.score or 0:.0%}, {_seconds(done)} s\n")
    return bool(done.passed)


def _start(current: Settings, kind: IncidentKind, parameters: dict[str, object]) -> UUID:
    reach(current)
    from blocks.orchestrator import start_run
    from runbooks.engine.name import drill_of

    return asyncio.run(start_run(drill_of(kind), parameters, idempotency_key=str(mint()), tags=("drill",)))


def _follow(opened: Database, out: Console, run: UUID) -> DrillRun:
    """Print the incident's timeline as it grows, until the drill has ended.

    Raises:
        Broken: its run ended without a result.
    """
    told, looked, ended = set[tuple[object, ...]](), time.monotonic(), ""
    while True:
        with opened.system() as connection:
            found = stored.get(connection, str(run))
            story = incidents.timeline(connection, found.incident_id) if found and found.incident_id else []
        for line in story:
            key = (line["at"], line["kind"], line["summary"])
            if key not in told:  # in order of time, not of writing: a late one may stand before those told already
                told.add(key)
                out.print(
                    f"  {line['at']:%H:%M:%S}  {escape(line['kind'])}: {escape(line['summary'])}", highlight=False
                )
        if found is not None and found.finished_at is not None:
            return found
        if ended:  # it was looked for once more since
            raise Broken(f"The run of the drill is {ended} and left no result; Prefect UI shows its log, under {run}.")
        if time.monotonic() - looked > (_LOST_SECONDS if found is None else _SILENT_SECONDS):
            looked, ended = time.monotonic(), _ended_as(run)
        time.sleep(_LOOK_SECONDS)


def _ended_as(run: UUID) -> str:
    """How the run ended, in a word; "" = it has not."""
    from blocks.orchestrator import run_state

    state = asyncio.run(run_state(run))
    if state is None:
        return "unknown to the orchestrator"
    return state.kind.lower() if state.ended else ""


def _assertions(done: DrillRun) -> Table:
    table = Table("", "looked at", "expected", "seen")
    for one in done.assertions:
        mark = "[green]✓[/]" if one.passed else "[red]✗[/]"
        table.add_row(mark, one.name, escape(one.expected), escape(one.observed))
    return table


def _seconds(done: DrillRun) -> int:
    assert done.finished_at is not None
    return round((done.finished_at - done.started_at).total_seconds())


def _freshness(opened: Database, current: Settings) -> Table:
    """One row per runbook: when it last came through a drill, when the next is due, and how its drills ended."""
    from runbooks import catalogue
    from runbooks.drills import drills
    from tasks.planning import rehearsal_of

    now = datetime.now(UTC)
    with opened.system() as connection:
        latest = stored.latest(connection)
        stands = {kind: rehearsal_of(connection, book, current) for kind, book in catalogue().items()}
    opened.close()
    table = Table("runbook", "last passed", "due", "automatic", "drills")
    for kind, stand in stands.items():
        last = f"{stand.last_passed:%Y-%m-%d %H:%M}" if stand.last_passed else "never"
        automatic = "[red]no: drill overdue[/]" if stand.overdue(now) else "yes"
        due = f"{stand.due:%Y-%m-%d}" if stand.needed else "any time"
        known = [one.name for one in drills().get(kind, ())]
        table.add_row(kind.value.lower(), last, due, automatic, "\n".join(_ended(kind, known, latest)) or "none")
    return table


def _ended(kind: IncidentKind, names: Sequence[str], latest: Sequence[DrillRun]) -> list[str]:
    runs = {run.name: run for run in latest if run.kind is kind}
    told = []
    for name in names:
        run = runs.get(name)
        word = "not played" if run is None else f"{'passed' if run.passed else 'failed'} {run.finished_at:%Y-%m-%d}"
        told.append(f"{name}: {word}")
    return told
