"""`opsspine contacts …`: by which ways people are called. Addresses are asked for, sealed, and never shown again."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from deployments.cli.context import settings, system
from deployments.cli.operator import operator
from deployments.cli.output import listing
from spine.errors import Refused
from spine.oncall.reach import Channel, ReachRule
from store import contacts as stored
from store import people

_Email = Annotated[str, typer.Argument(help="Whose, by e-mail address.")]
_Less = Annotated[bool, typer.Option("--less-important", help="The rules for what is less important.")]
contacts = typer.Typer(help="Contacts: the ways by which people on call are reached.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Adds `opsspine contacts`."""
    app.add_typer(contacts, name="contacts")


@contacts.command("list")
def list_contacts(email: _Email) -> None:
    """Somebody's ways, and which of them is used when."""
    with system() as connection:
        person = people.by_email(connection, email)
        ways = stored.of_person(connection, person)
        used = {kind: stored.rules(connection, person, important=kind) for kind in (True, False)}

    def when(name: str, important: bool) -> str:
        return ", ".join(f"after {r.after_minutes:g} min" for r in used[important] if r.contact == name)

    rows = [
        {"name": way.name, "channel": way.channel, "important": when(way.name, True), "others": when(way.name, False)}
        for way in ways
    ]
    listing(
        rows,
        {
            "contact": lambda row: row["name"], "channel": lambda row: row["channel"],
            "important pages": lambda row: row["important"], "other pages": lambda row: row["others"],
        },
        empty="No way to reach them.",
    )  # fmt: skip


@contacts.command()
def add(
    email: _Email,
    channel: Annotated[Channel, typer.Argument(help="By what they are reached.")],
    name: Annotated[str, typer.Option(help="What they call it, as 'phone'.")],
) -> None:
    """Add a way, or change the one of this name. The address is asked for, so that no shell remembers it."""
    address = typer.prompt("Address, key or URL", hide_input=True)
    current = settings()
    with system(current) as connection:
        person = people.by_email(connection, email)
        stored.add(
            connection, person, channel, name, address.strip(), settings=current, actor=operator(),
            now=datetime.now(UTC),
        )  # fmt: skip
    typer.echo(f"{person.email} can be reached by {name!r} ({channel}).")


@contacts.command()
def remove(email: _Email, name: str) -> None:
    """Forget a way."""
    with system() as connection:
        stored.remove(connection, people.by_email(connection, email), name, actor=operator(), now=datetime.now(UTC))
    typer.echo(f"{name} is forgotten.")


@contacts.command()
def use(
    email: _Email,
    steps: Annotated[list[str], typer.Argument(help="Contacts in order, as mail phone=2 (after two minutes).")],
    less_important: _Less = False,
) -> None:
    """Say which ways are used when somebody is called, and how soon each."""
    with system() as connection:
        person = people.by_email(connection, email)
        stored.set_rules(
            connection, person, [_step(text) for text in steps], important=not less_important, actor=operator(),
            now=datetime.now(UTC),
        )  # fmt: skip
    typer.echo(f"{person.email} is called by {', '.join(steps)}.")


def _step(text: str) -> ReachRule:
    name, _, minutes = text.partition("=")
    try:
        return ReachRule(contact=name, after_minutes=float(minutes or 0))
    except ValueError as error:
        raise Refused("contact.rule", f"{text!r} is no step: write mail, or phone=2 for after two minutes.") from error
