"""`opsspine erase`: forget one person, and keep a trail that verifies. Two people agree, each with a second factor."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

import typer
from sqlalchemy import Connection

from deployments.cli.context import database, settings
from deployments.cli.operator import operator
from deployments.cli.output import record
from spine.errors import Refused
from spine.ids import tenant_id
from spine.settings import Settings
from store import people
from store.engine import Database
from store.erasure import Erased, erase_person, erase_user
from store.erasure_gate import agreed
from store.rehearsal import rehearsed

_Act = Callable[[Connection, list[str]], Erased]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(erase)


def erase(
    user: Annotated[str | None, typer.Option(help="A user of an application: the id its events bear.")] = None,
    tenant: Annotated[str | None, typer.Option(help="The user's tenant; default: the single tenant.")] = None,
    also: Annotated[list[str] | None, typer.Option(help="More names of the user (address, old id); repeat.")] = None,
    person: Annotated[str | None, typer.Option(metavar="EMAIL", help="Instead: somebody who works with us.")] = None,
    as_: Annotated[list[str] | None, typer.Option("--as", metavar="EMAIL", help="Who agrees; give two.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be found where.")] = False,
) -> None:
    """Erase what names a user, or a person, from every table and from the audit trail, for good.

    Takes two security admins, each with a code of their authenticator. Counts, baselines and hashes stay.
    """
    if (user is None) == (person is None):
        raise typer.BadParameter("give either --user or --person")
    current, now = settings(), datetime.now(UTC)
    opened, owner = database(current), tenant_id(tenant)

    def act(connection: Connection, by: list[str]) -> Erased:
        if user is not None:
            return erase_user(connection, owner, [user, *(also or ())], actor=operator(), now=now, by=by)
        return erase_person(connection, people.by_email(connection, str(person)), actor=operator(), now=now, by=by)

    if dry_run:
        done = rehearsed(opened, lambda connection: act(connection, []))
    else:
        by = _agreed(opened, current, owner if user else None, as_ or [])
        done = _for_good(opened, act, by)
    opened.close()
    _tell(done, dry_run=dry_run)


def _agreed(opened: Database, current: Settings, tenant: object, who: list[str]) -> list[str]:
    if len(who) < 2:
        raise Refused("erase.two", "An erasure takes two people: give --as twice. Nothing was erased. Try --dry-run.")
    words = [(email, typer.prompt(f"Code of {email}", hide_input=True)) for email in who]
    return agreed(opened, tenant_id(str(tenant)) if tenant else None, words, now=datetime.now(UTC), settings=current)


def _for_good(opened: Database, act: _Act, by: list[str]) -> Erased:
    with opened.owner() as connection:
        done = act(connection, by)
        if done.live:
            raise Refused(
                "erase.live",
                f"They are part of what is still going on: incidents {', '.join(done.live)}. Nothing was erased. "
                "Resolve those, and end their mitigations, first.",
            )
    return done


def _tell(done: Erased, *, dry_run: bool) -> None:
    if not record(done):
        return
    for table, rows in done.rows.items():
        typer.echo(f"  {rows:>8}  {table}")
    would = "would be " if dry_run else ""
    typer.echo(
        f"{done.total} rows {would}cleared; {done.sessions} sessions and {done.addresses} addresses were theirs alone"
    )
    if not dry_run:
        typer.echo(f"They are erased-{done.number} from now on. Backups taken before still hold them: docs/upkeep.md.")
    for name in done.weak:
        typer.echo(f"Not looked for inside free text, being too short or plain: {len(name)} characters")
    if dry_run and done.live:
        typer.echo(f"Not possible yet: incidents {', '.join(done.live)} are still going on.")
