"""`opsspine launch …`: go through the checklist, waive an item, and let a flag reach more users step by step."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from deployments.cli import launch_ramp
from deployments.cli.context import database, settings, system
from deployments.cli.flag_gate import changer, show_factor
from deployments.cli.operator import operator
from deployments.cli.output import listing, record
from deployments.cli.screen import console
from spine.clock import SystemClock
from spine.ids import mint, tenant_id
from spine.launch import Mark, Waiver, check_waiver
from store import launches, operations

launch = typer.Typer(help="Launch checklist: what must hold before users come, and GO or NO-GO.", no_args_is_help=True)

_Tenant = Annotated[str, typer.Option(help="Whose launch; default: the single tenant.")]
_As = Annotated[str, typer.Option("--as", metavar="EMAIL", help="On whose behalf.")]
_Totp = Annotated[str | None, typer.Option(help="The code; '-' reads it from standard input; default: you are asked.")]
_COLOURS = {Mark.PASS: "green", Mark.FAIL: "red", Mark.UNKNOWN: "yellow"}


def register(app: typer.Typer) -> None:
    """Adds `opsspine launch`."""
    launch_ramp.extend(launch)
    app.add_typer(launch, name="launch")


@launch.command()
def check(
    only: Annotated[list[str] | None, typer.Option(help="An item's key; repeat for several. Never a GO.")] = None,
    tenant: _Tenant = "",
) -> None:
    """Look at every item now. Exit code 0 = GO, 1 = NO-GO: a blocker failed, or nobody could look at it."""
    from tasks.launching import check_launch

    opened, current = database(), settings()
    done = asyncio.run(
        check_launch(opened, current, tenant_id(tenant), SystemClock(), who=operator(), only=only or ())
    )  # fmt: skip
    opened.close()
    shown = {
        "run": done.id, "outcome": done.judgement.outcome, "holding": done.judgement.holding,
        "waived": done.judgement.waived, "results": [one.stored() for one in done.results],
    }  # fmt: skip
    if record(shown):
        table = Table("item", "", "what was found", "receipts", show_lines=True)
        for one in done.results:
            mark = Text(one.mark.value, style=_COLOURS[one.mark])
            table.add_row(Text(one.item.key), mark, Text(one.because), str(len(one.receipts)))
        console().print(table)
    typer.echo(done.sentence)
    raise typer.Exit(0 if done.judgement.go else 1)


@launch.command()
def items() -> None:
    """What the checklist looks at, and which of it may be waived."""
    from tasks.launch import launch_checks

    listing(
        list(launch_checks().values()),
        {
            "item": lambda one: one.item.key, "title": lambda one: one.item.title,
            "waivable": lambda one: "yes" if one.item.waivable else "never", "looks at": lambda one: one.looks_at,
        },
        empty="The checklist is empty.",
    )  # fmt: skip


@launch.command()
def status(tenant: _Tenant = "") -> None:
    """The last run, and the waivers that count. Exit code 1 when it is no GO, or too old."""
    name, now = tenant_id(tenant), datetime.now(UTC)
    with system() as connection:
        last = operations.latest(connection, name, "launch_checklist")
        live = launches.waivers(connection, name, now=now)
    fresh = last is not None and now - last.finished_at <= timedelta(hours=settings().launch.fresh_hours)
    record({"run": last, "fresh": fresh, "waivers": live})
    if last is None:
        typer.echo("The checklist was never gone through: `opsspine launch check`.")
    else:
        old = "" if fresh else ", too old to count"
        typer.echo(f"{last.outcome} at {last.finished_at:%Y-%m-%d %H:%M} UTC by {last.who}{old}")
        for one in last.detail["holding"]:
            typer.echo(f"  holds it back: {one}")
    for waiver in live:
        typer.echo(f"  waived until {waiver.expires_at:%Y-%m-%d} by {waiver.approver}: {waiver.item} ({waiver.reason})")
    raise typer.Exit(0 if last is not None and last.passed and fresh else 1)


@launch.command()
def waive(
    item: Annotated[str, typer.Argument(help="The item's key; see `opsspine launch items`.")],
    as_: _As,
    reason: Annotated[str, typer.Option(help="Why a launch without it is right; kept, and audited.")],
    days: Annotated[float, typer.Option(help="How long it counts.", min=0.01)] = 7,
    totp: _Totp = None,
    tenant: _Tenant = "",
) -> None:
    """Let a launch go ahead in spite of ITEM, for some days. Isolation and token tests are never waived."""
    from tasks.launch import launch_checks

    opened, current, name, now = database(), settings(), tenant_id(tenant), datetime.now(UTC)
    by, until = changer(opened, as_, name, f"launch:{item}"), now + timedelta(days=days)
    known = launch_checks().get(item)
    check_waiver(
        known.item if known else None, item, reason=reason, roles=by.roles, now=now, until=until,
        most=timedelta(days=current.launch.waiver_days),
    )  # fmt: skip
    show_factor(opened, by, f"launch:{item}", current, totp)
    made = Waiver(
        id=mint(), tenant_id=name, item=item, approver=by.actor, reason=reason.strip(), granted_at=now,
        expires_at=until,
    )  # fmt: skip
    with opened.system() as connection:
        launches.waive(connection, made, by.person)
    opened.close()
    typer.echo(f"{item} holds no launch back until {until:%Y-%m-%d %H:%M} UTC. See `opsspine launch check`.")


@launch.command()
def unwaive(item: str, as_: _As, tenant: _Tenant = "") -> None:
    """Take a waiver back before its end."""
    opened, name = database(), tenant_id(tenant)
    by = changer(opened, as_, name, f"launch:{item}")
    with opened.system() as connection:
        launches.withdraw(connection, name, item, actor=by.actor, now=datetime.now(UTC))
    opened.close()
    typer.echo(f"{item} holds launches back again.")
