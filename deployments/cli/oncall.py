"""`opsspine oncall …`: who is on call, taking an incident on, who was called; and below it schedules and policies."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.table import Table

from deployments.cli.context import settings, system
from deployments.cli.oncall_given import moment_of
from deployments.cli.oncall_policy import policy
from deployments.cli.oncall_schedule import override, schedule
from deployments.cli.output import listing, record
from deployments.cli.screen import console, whole
from spine.errors import Refused
from spine.ids import tenant_id
from spine.span import span
from store import duty, escalations, people, policies, roster
from store import oncall as stored

_As = Annotated[str, typer.Option("--as", metavar="EMAIL", help="Who you are.")]
oncall = typer.Typer(help="On-call: who is called, when, by which way, and who has an incident.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Adds `opsspine oncall`."""
    for name, group in (("schedule", schedule), ("override", override), ("policies", policy)):
        oncall.add_typer(group, name=name)
    app.add_typer(oncall, name="oncall")


@oncall.command()
def now(
    at: Annotated[str, typer.Option(help="Another moment, as 2026-03-29T02:00+01:00; without a zone it is UTC.")] = "",
    tenant: Annotated[str, typer.Option(help="Only schedules that serve this tenant.")] = "",
) -> None:
    """Who is on call, who comes next, and when nobody will be there."""
    current, moment = settings(), moment_of(at) if at else datetime.now(UTC)
    with system(current) as connection:
        serves = tenant_id(tenant) if tenant else None
        found = duty.on_duty(connection, moment, gap_days=current.oncall.gap_days, tenant=serves)
    listing(
        found,
        {
            "schedule": lambda one: one.schedule,
            "tenants": lambda one: "every" if one.everybodys else tenant or "one",
            "on call": lambda one: _people(one.people) or "NOBODY",
            "because": lambda one: one.because,
            "next (UTC)": lambda one: "; ".join(f"{c.at:%m-%d %H:%M} {_people(c.comes)}" for c in one.next[:2]),
            "nobody": lambda one: "; ".join(f"{s:%m-%d %H:%M} for {span(u - s)}" for s, u in one.gaps[:2]),
        },
        empty="No schedules. Make one: opsspine oncall schedule add --help.",
    )


@oncall.command()
def ack(incident: Annotated[str, typer.Argument(help="The incident's id, or its beginning.")], as_: _As) -> None:
    """Take INCIDENT on: nobody else is called for it."""
    with system() as connection:
        found = people.by_email(connection, as_)
        done = stored.acknowledge(
            connection, whole(connection, "incident", incident), found, "cli", datetime.now(UTC)
        )  # fmt: skip
    if done.refused:
        raise Refused("person.role", done.refused)
    record({"incident": done.incident.id, "by": done.by, "new": done.new})
    typer.echo(done.sentence)
    if not done.new and done.by != f"person:{found.email}":
        raise typer.Exit(1)


@oncall.command()
def pages(incident: Annotated[str, typer.Argument(help="The incident's id, or its beginning.")]) -> None:
    """Who was called for INCIDENT, and what became of it."""
    current, moment = settings(), datetime.now(UTC)
    with system(current) as connection:
        key = whole(connection, "incident", incident)
        found = escalations.of_incident(connection, key)
        called = escalations.pages(
            connection, key, now=moment, stuck=timedelta(seconds=current.oncall.stuck_seconds)
        )  # fmt: skip
        known = roster.names(connection, [str(one.person_id) for one in called if one.person_id])
        told = {one.target: policies.told(connection, one.target) for one in called}
    table = Table("at (UTC)", "round", "step", "target", "person", "outcome", box=None)
    for one in called:
        person = known.get(str(one.person_id))
        outcome = one.problem or ("no message got through" if one.lost else "told" if one.delivered else "under way")
        table.add_row(
            f"{one.at:%Y-%m-%d %H:%M:%S}", str(one.round + 1), str(one.step + 1), told[one.target],
            person.email if person else "", outcome,
        )  # fmt: skip
    console().print(table if called else "Nobody was called for it.")
    if found is not None:
        later = f", next step at {found.due_at:%H:%M:%S} UTC" if found.due_at else ""
        typer.echo(f"Policy {found.name}: {found.state}{later}.")


def _people(named: Iterable[duty.Named]) -> str:
    return ", ".join(one.email or one.name for one in named)
