"""`opsspine people …`: who may decide, under which accounts, with which second factor."""

import io
from datetime import UTC, datetime, timedelta
from typing import Annotated

import qrcode
import typer
from rich.table import Table

from deployments.cli.context import settings, system
from deployments.cli.operator import operator
from deployments.cli.screen import console
from spine.audit import AuditAction
from spine.errors import Refused
from spine.ids import NO_TENANT, tenant_id
from spine.person import EVERY_TENANT, Person, PersonRef, Role
from spine.totp import enrolment_uri
from store import audit, people, sessions, signin_link
from store.secrets import Vault, first_key
from store.stepup import StepUp, step_up

_Email = Annotated[str, typer.Argument(help="Their e-mail address.")]
_Uri = Annotated[bool, typer.Option("--uri", help="Also print the otpauth URI, for a terminal without QR codes.")]
_Slack = Annotated[str | None, typer.Option(help="Their Slack account, as TEAM/USER ids (T0123/U0456).")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        help="People: add, list, invite, link accounts, check or renew the second factor.", no_args_is_help=True
    )
    group.command()(add)
    group.command("list")(show)
    group.command()(link)
    group.command()(renew)
    group.command()(check)
    group.command()(disable)
    group.command()(invite)
    group.command("sign-out")(sign_out)
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
    with system(current) as connection:
        first_key(connection, current)
        person, secret = people.add(
            connection, email, name or email, [(where, one) for one in role],
            vault=Vault.of(current), actor=operator(), now=now,
        )  # fmt: skip
        if slack:
            people.link(connection, email, _account(slack), actor=operator(), now=now)
    typer.echo(f"{person.name} <{person.email}>: {_roles(person)}")
    if secret:
        _enrolment(secret, person, current.app_name, uri)


def show() -> None:
    """Everybody, with roles, accounts and whether a second factor is set up."""
    table = Table("address", "name", "roles", "accounts", "second factor", box=None)
    with system() as connection:
        for person in people.everybody(connection):
            accounts = ", ".join(map(str, people.accounts(connection, person.id)))
            state = "disabled" if person.disabled_at else "yes" if person.enrolled else "no"
            table.add_row(person.email, person.name, _roles(person), accounts, state)
    console().print(table)


def link(email: _Email, slack: Annotated[str, typer.Option(help="Slack account, as TEAM/USER ids.")]) -> None:
    """Note that a Slack account is this person's."""
    with system() as connection:
        people.link(connection, email, _account(slack), actor=operator(), now=datetime.now(UTC))
    typer.echo(f"{_account(slack)} is now {email}")


def renew(email: _Email, uri: _Uri = False) -> None:
    """Give a person a new second factor; the old one ends at once."""
    current = settings()
    with system(current) as connection:
        vault = Vault.of(current, create=True)
        person, secret = people.renew(connection, email, vault=vault, actor=operator(), now=datetime.now(UTC))
    _enrolment(secret, person, current.app_name, uri)


def check(email: _Email) -> None:
    """Ask for a code and say whether it is accepted, as an approval would. The code is used up."""
    code = typer.prompt("Code", hide_input=True)
    current, now = settings(), datetime.now(UTC)
    with system(current) as connection:
        person = people.by_email(connection, email)
        result = step_up(connection, person.id, code, now=now, settings=current)
        audit.append(
            connection, NO_TENANT, AuditAction.STEPUP_DECIDED, actor=operator(), at=now,
            subject=f"person:{person.email}", outcome=result.value, detail={"for": "enrolment check"},
        )  # fmt: skip
    if result is not StepUp.ACCEPTED:
        raise Refused(
            "stepup." + result.name.lower(),
            f"Not accepted ({result.value}). Compare this machine's clock with the phone's, and wait for a new code.",
        )
    typer.echo("Accepted: the second factor works.")


def disable(email: _Email) -> None:
    """Take all roles away at once."""
    with system() as connection:
        people.disable(connection, email, actor=operator(), now=datetime.now(UTC))
    typer.echo(f"{email} can decide nothing any more.")


def invite(
    email: _Email,
    enrol: Annotated[
        bool | None,
        typer.Option(
            help="Whether the link sets up a new authenticator; default: when none was ever used. "
            "Say --enrol for somebody who lost theirs."
        ),
    ] = None,
    minutes: Annotated[float, typer.Option(min=0, help="How long it is good; 0 = the settings' link_minutes.")] = 0,
) -> None:
    """Make a link by which a person signs in once. It is one factor: send it to them alone, on a way you trust."""
    current, now = settings(), datetime.now(UTC)
    lasts = timedelta(minutes=minutes or current.signin.link_minutes)
    with system(current) as connection:
        person = people.by_email(connection, email)
        made = signin_link.issue(
            connection, person, enrols=enrol, settings=current, lasts=lasts, actor=operator(), now=now
        )
    typer.echo(signin_link.url(made, current))
    what = "sets up their authenticator" if made.enrols else "asks for a code of their authenticator"
    typer.echo(f"Good once, until {now + lasts:%Y-%m-%d %H:%M} UTC; it {what}.", err=True)


def sign_out(email: _Email) -> None:
    """End every session of a person at once. They can sign in again; to prevent that, disable them."""
    now = datetime.now(UTC)
    with system() as connection:
        person = people.by_email(connection, email)
        ended = sessions.end_all(connection, person.id, now=now)
        audit.append(
            connection, NO_TENANT, AuditAction.POLICY_CHANGED, actor=operator(), at=now,
            subject=f"person:{person.email}", after={"sessions_ended": ended},
        )  # fmt: skip
    typer.echo(f"{ended} sessions of {person.email} were ended.")


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
