"""`opsspine escalation …`: who commands, writes and speaks at an incident, what is due, and what counsel says."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from deployments.cli.acting import acting
from deployments.cli.context import database, settings
from deployments.cli.output import record
from deployments.cli.screen import whole
from spine.ids import IncidentId
from spine.incident import Incident
from spine.room import Room, RoomRole, dues, missing
from store import incidents, people, rooms
from store.engine import Database

escalation = typer.Typer(help="Running an incident: roles, updates, counsel, deadlines.", no_args_is_help=True)

_Incident = Annotated[str, typer.Argument(help="The incident's id, or its first characters.")]
_As = Annotated[str, typer.Option("--as", metavar="EMAIL", help="On whose behalf.")]


def register(app: typer.Typer) -> None:
    """Adds `opsspine escalation`."""
    app.add_typer(escalation, name="escalation")


@escalation.command()
def show(incident: _Incident) -> None:
    """Who runs INCIDENT, and what is due. Exit code 1 when something is overdue."""
    opened, now = database(), datetime.now(UTC)
    found = _found(opened, incident)
    with opened.system() as connection:
        room = rooms.opened(connection, found, now)
    opened.close()
    ahead = dues(room, found, now, settings().operation)
    if record({"room": room, "due": ahead, "missing": list(missing(room))}):
        _roles(room)
        for one in ahead:
            when = "OVERDUE since" if one.overdue(now) else "due at"
            typer.echo(f"{one.what}: {when} {one.at:%Y-%m-%d %H:%M} UTC. {one.says}")
        if not ahead:
            typer.echo("Nothing is due.")
    raise typer.Exit(1 if any(one.overdue(now) for one in ahead) else 0)


@escalation.command()
def assign(
    incident: _Incident,
    role: Annotated[RoomRole, typer.Argument(help="commander, scribe or comms.")],
    email: Annotated[str, typer.Argument(help="Who takes it.")],
    as_: _As,
    note: Annotated[str, typer.Option(help="What the one before hands over: state, risks, next step.")] = "",
) -> None:
    """Give ROLE to EMAIL; whoever held it hands over, with the note."""
    opened, now = database(), datetime.now(UTC)
    found, actor = _acting(opened, incident, as_)
    with opened.system() as connection:
        person = people.by_email(connection, email)
        room = rooms.assign(connection, found, role, person, actor=actor, note=note, now=now)
    opened.close()
    if record(room):
        _roles(room)


@escalation.command()
def update(
    incident: _Incident,
    said: Annotated[str, typer.Argument(help="How it stands, and when the next update comes.")],
    as_: _As,
) -> None:
    """Tell everybody who heard of INCIDENT how it stands; the next update is due anew."""
    opened, now = database(), datetime.now(UTC)
    found, actor = _acting(opened, incident, as_)
    with opened.system() as connection:
        room = rooms.update(connection, found, said, actor=actor, now=now)
    opened.close()
    following = [one for one in dues(room, found, now, settings().operation) if one.what == "update"]
    record(room)
    typer.echo("It is told." + (f" The next update is due at {following[0].at:%H:%M} UTC." if following else ""))


@escalation.command()
def counsel(
    incident: _Incident,
    as_: _As,
    told: Annotated[bool, typer.Option("--told", help="Counsel has been told.")] = False,
    aware: Annotated[
        bool, typer.Option("--aware", help="We are aware: the time to tell the authority counts.")
    ] = False,
    says: Annotated[str, typer.Option(help="What counsel decided.")] = "",
) -> None:
    """Note what concerns counsel: that they were told, since when we are aware, what they decided."""
    opened, now = database(), datetime.now(UTC)
    found, actor = _acting(opened, incident, as_)
    with opened.system() as connection:
        room = rooms.counsel(connection, found, told=told, aware=aware, says=says, actor=actor, now=now)
    opened.close()
    record(room)
    typer.echo("It is written down.")


def _found(opened: Database, start: str) -> Incident:
    with opened.system() as connection:
        return incidents.get(connection, IncidentId(whole(connection, "incident", start)))


def _acting(opened: Database, start: str, email: str) -> tuple[Incident, str]:
    found = _found(opened, start)
    return found, acting(opened, email, found.tenant_id, f"incident:{found.id}")


def _roles(room: Room) -> None:
    for role in RoomRole:
        held = room.holder(role)
        typer.echo(f"{role.value}: " + (f"{held.email} since {held.since:%H:%M} UTC" if held else "nobody"))
