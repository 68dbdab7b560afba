"""`opsspine people …`: who may decide, under which accounts, with which second factor."""

import io
from datetime import UTC, datetime
from typing import Annotated

import qrcode
import typer
from rich.table import Table

from deployments.cli.context import database, settings
from deployments.cli.operator import operator
from deployments.cli.screen import console
from spine.audit import AuditAction
from spine.errors import Refused
from spine.ids import NO_TENANT, tenant_id
from spine.person import EVERY_TENANT, Person, PersonRef, Role
from spine.totp import enrolment_uri
from store import audit, people
from store.secrets import Vault, first_key
from store.stepup import StepUp, step_up

_Email = Annotated[str, typer.Argument(help="Their e-mail address.")]
_Uri = Annotated[bool, typer.Option("--uri", help="Also print the otpauth URI, for a terminal without QR codes.")]
_Slack = Annotated[str | None, typer.Option(help="Their Slack account, as TEAM/USER ids (T0123/U0456).")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        help="People: add, list, link accounts, check or renew the second factor.", no_args_is_help=True
    )
    group.command()(add)
    group.command("list")(show)
    group.command()(link)
    group.command()(renew)
    group.command()(check)
    group.command()(disable)
    app.add_typer(group, name="people")


def add(
    email: _Email,
    role: Annotated[list[Role], typer.Option(help="What they are trusted with; may be given again.")],
    name: Annotated[str, typer.Option(help="How others see them; default: the address.")] = "",
    tenant: Annotated[str, typer.Option(help="Where the roles count; '*' = every tenant.")] = EVERY_TENANT,
    slack: _Slack = None,
    uri: _Uri = False,
) -> None:
    """Add a person, or further roles to a known one. A new person gets a second factor: scan the QR code."""
    where = EVERY_TENANT if tenant == EVERY_TENANT else tenant_id(tenant)
    current, now = settings(), datetime.now(UTC)
    opened = database(current)
    with opened.system() as connection:
        first_key(connection, current)
        person, secret = people.add(
            connection, email, name or email, [(where, one) for one in role],
            vault=Vault.of(current), actor=operator(), now=now,
        )  # fmt: skip
        if slack:
            people.link(connection, email, _account(slack), actor=operator(), now=now)
    opened.close()
    typer.echo(f"{person.name} <{person.email}>: {_roles(person)}")
    if secret:
        _enrolment(secret, person, current.app_name, uri)


def show() -> None:
    """Everybody, with roles, accounts and whether a second factor is set up."""
    opened = database()
    table = Table("address", "name", "roles", "accounts", "second factor", box=None)
    with opened.system() as connection:
        for person in people.everybody(connection):
            accounts = ", ".join(map(str, people.accounts(connection, person.id)))
            state = "disabled" if person.disabled_at else "yes" if person.enrolled else "no"
            table.add_row(person.email, person.name, _roles(person), accounts, state)
    opened.close()
    console().print(table)


def link(email: _Email, slack: Annotated[str, typer.Option(help="Slack account, as TEAM/USER ids.")]) -> None:
    """Note that a Slack account is this person's."""
    opened = database()
    with opened.system() as connection:
        people.link(connection, email, _account(slack), actor=operator(), now=datetime.now(UTC))
    opened.close()
    typer.echo(f"{_account(slack)} is now {email}")


def renew(email: _Email, uri: _Uri = False) -> None:
    """Give a person a new second factor; the old one ends at once."""
    current = settings()
    opened = database(current)
    with opened.system() as connection:
        vault = Vault.of(current, create=True)
        person, secret = people.renew(connection, email, vault=vault, actor=operator(), now=datetime.now(UTC))
    opened.close()
    _enrolment(secret, person, current.app_name, uri)


def check(email: _Email) -> None:
    """Ask for a code and say whether it is accepted, as an approval would. The code is used up."""
    code = typer.prompt("Code", hide_input=True)
    current, now = settings(), datetime.now(UTC)
    opened = database(current)
    with opened.system() as connection:
        person = people.by_email(connection, email)
        result = step_up(connection, person.id, code, now=now, settings=current)
        audit.append(
            connection, NO_TENANT, AuditAction.STEPUP_DECIDED, actor=operator(), at=now,
            subject=f"person:{person.email}", outcome=result.value, detail={"for": "enrolment check"},
        )  # fmt: skip
    opened.close()
    if result is not StepUp.ACCEPTED:
        raise Refused(
            "stepup." + result.name.lower(),
            f"Not accepted ({result.value}). Compare this machine's clock with the phone's, and wait for a new code.",
        )
    typer.echo("Accepted: the second factor works.")


def disable(email: _Email) -> None:
    """Take all roles away at once."""
    opened = database()
    with opened.system() as connection:
        people.disable(connection, email, actor=operator(), now=datetime.now(UTC))
    opened.close()
    typer.echo(f"{email} can decide nothing any more.")


def _enrolment(secret: str, person: Person, application: str, uri: bool) -> None:
    """The secret is shown now and never again."""
    address = enrolment_uri(secret, person.email, f"{application} ops")
    code, drawn = qrcode.QRCode(border=1), io.StringIO()
    code.add_data(address)
    code.print_ascii(out=drawn, invert=True)
    typer.echo(drawn.getvalue())
    typer.echo(
        f"Scan this with an authenticator now; it is not shown again. Then: opsspine people check {person.email}"
    )
    if uri:
        typer.echo(address)


def _account(slack: str) -> PersonRef:
    team, _, user = slack.partition("/")
    if not team or not user:
        raise Refused("person.account", f"{slack!r} is no Slack account. Give team and user id, as T0123/U0456.")
    return PersonRef.by_slack(team, user)


def _roles(person: Person) -> str:
    parts = [f"{', '.join(sorted(held))} in {tenant}" for tenant, held in sorted(person.roles.items())]
    return "; ".join(parts) or "no roles"
