"""`opsspine oncall schedule …` and `override …`: whose turn it is, and who stands in."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

import typer
from rich.table import Table

from deployments.cli.context import system
from deployments.cli.oncall_given import File, Tenant, checked, moment_of, read, whose
from deployments.cli.operator import operator
from deployments.cli.screen import console, short
from spine.ids import TenantId
from spine.oncall.schedule import Override, Plan
from spine.person import EVERY_TENANT
from store import roster, schedules

_WEEK = 7 * 24
schedule = typer.Typer(help="Schedules: whose turn it is.", no_args_is_help=True)
override = typer.Typer(help="Overrides: somebody stands in.", no_args_is_help=True)


@schedule.command("list")
def list_schedules() -> None:
    """Every schedule with its layers."""
    with system() as connection:
        found = [(one, schedules.by_address(connection, one.schedule.layers)) for one in schedules.every(connection)]
    table = Table("schedule", "tenant", "zone", "version", "layers", box=None)
    for one, layers in found:
        turns = [(x["name"], ", ".join("+".join(c) for c in x["people"]), x["shift_hours"]) for x in layers]
        told = [f"{layer}: {crews} every {hours} h" for layer, crews, hours in turns]
        table.add_row(one.schedule.name, one.tenant_id, one.schedule.zone, str(one.version), "; ".join(told))
    console().print(table if found else "No schedules.")


@schedule.command()
def add(
    name: str,
    people_: Annotated[list[str], typer.Option("--person", help="Who takes turns, in order; give it several times.")],
    start: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Day of the first turn.")],
    zone: Annotated[str, typer.Option(help="Time zone of the handover, as Europe/Berlin.")] = "UTC",
    handover: Annotated[str, typer.Option(help="Time of day at which turns change.")] = "09:00",
    shift_hours: Annotated[int, typer.Option(help="Length of a turn: 24 = daily, 168 = weekly.", min=1)] = _WEEK,
    tenant: Tenant = EVERY_TENANT,
) -> None:
    """Make, or replace, a schedule of one layer. Several layers, and office hours: `schedule apply`."""
    layer = {
        "name": "turns", "people": people_, "shift_hours": shift_hours, "handover": handover, "start": start.date(),
    }  # fmt: skip
    _put_schedule(name, checked(Plan, {"zone": zone, "layers": [layer]}), whose(tenant))


@schedule.command()
def apply(name: str, file: File, tenant: Tenant = EVERY_TENANT) -> None:
    """Make, or replace, a schedule from FILE."""
    _put_schedule(name, read(Plan, file), whose(tenant))


@schedule.command()
def remove(name: str, tenant: Tenant = EVERY_TENANT) -> None:
    """Delete a schedule. A policy that still calls it goes on to its next step at once."""
    with system() as connection:
        schedules.remove(connection, whose(tenant), name, actor=operator(), now=datetime.now(UTC))
    typer.echo(f"{name} is gone.")


@override.command("add")
def add_override(
    schedule_: Annotated[str, typer.Argument(metavar="SCHEDULE")],
    person: Annotated[list[str], typer.Option(help="Who stands in.")],
    hours: Annotated[float, typer.Option(help="For how long.", min=0.1)],
    since: Annotated[str, typer.Option("--from", help="Since when, as 2026-03-29T18:00+02:00; default: now.")] = "",
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    tenant: Tenant = EVERY_TENANT,
) -> None:
    """Let somebody stand in for whoever would be on call."""
    moment = datetime.now(UTC)
    starts = moment_of(since) if since else moment
    stands_in = Override(people=tuple(person), starts_at=starts, ends_at=starts + timedelta(hours=hours), reason=reason)
    with system() as connection:
        made = schedules.add_override(
            connection, whose(tenant), schedule_, stands_in, actor=operator(), now=moment
        )  # fmt: skip
    typer.echo(f"{made.id}: {', '.join(person)} until {stands_in.ends_at:%Y-%m-%d %H:%M} UTC")


@override.command("list")
def list_overrides() -> None:
    """Overrides under way and to come."""
    with system() as connection:
        found = schedules.overrides(connection, None, since=datetime.now(UTC))
        known = roster.names(connection, [one for entry in found for one in entry.override.people])
    table = Table("override", "schedule", "people", "from (UTC)", "until (UTC)", "reason", box=None)
    for one in found:
        who = ", ".join(known[key].email for key in one.override.people if key in known)
        since, until = (f"{moment:%Y-%m-%d %H:%M}" for moment in (one.override.starts_at, one.override.ends_at))
        table.add_row(str(one.id), one.schedule, who, since, until, one.override.reason)
    console().print(table if found else "No overrides.")


@override.command("end")
def end_override(key: Annotated[UUID, typer.Argument(metavar="OVERRIDE")], tenant: Tenant = EVERY_TENANT) -> None:
    """Take an override back, or end it now."""
    with system() as connection:
        schedules.cancel_override(connection, whose(tenant), key, actor=operator(), now=datetime.now(UTC))
    typer.echo(f"{short(key)} is over.")


def _put_schedule(name: str, plan: Plan, tenant: TenantId) -> None:
    with system() as connection:
        made = schedules.put(
            connection, tenant, name, plan, version=None, actor=operator(), now=datetime.now(UTC)
        )  # fmt: skip
    typer.echo(f"{name} is at version {made.version}. See `opsspine oncall now`.")
