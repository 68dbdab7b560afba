"""`opsspine keys …`: API keys of applications. A key belongs to one tenant and is shown once."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from deployments.cli.context import database
from deployments.cli.operator import operator
from deployments.cli.screen import console
from gateway.auth import Scope
from spine.errors import Refused
from spine.ids import tenant_id
from store.keys import add_key, list_keys, revoke_key

_Name = Annotated[str, typer.Argument(help="What uses it.")]
_Tenant = Annotated[str, typer.Option(help="Whose key; default: the single tenant.")]
_APPLICATION = [Scope.EVENTS_WRITE, Scope.FLAGS_READ]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="API keys: add, list, revoke.", no_args_is_help=True)
    group.command()(add)
    group.command("list")(show)
    group.command()(revoke)
    app.add_typer(group, name="keys")


def add(
    name: _Name,
    tenant: _Tenant = "",
    scope: Annotated[
        list[Scope] | None, typer.Option(help="What it may do; default: what an application needs.")
    ] = None,
) -> None:
    """Make a key and print it, once: it is stored as its hash only."""
    owner, now, opened = tenant_id(tenant), datetime.now(UTC), database()
    with opened.system() as connection:
        scopes = [one.value for one in scope or _APPLICATION]
        _, secret = add_key(connection, owner, name, scopes, now=now, actor=operator())
    opened.close()
    typer.echo(secret)


def show() -> None:
    """Every live key."""
    opened = database()
    table = Table("tenant", "name", "scopes", "last used", box=None)
    with opened.system() as connection:
        for key, used in list_keys(connection):
            table.add_row(key.tenant_id, key.name, ", ".join(key.scopes), f"{used:%Y-%m-%d %H:%M}" if used else "never")
    opened.close()
    console().print(table)


def revoke(name: _Name, tenant: _Tenant = "") -> None:
    """End a key at once."""
    owner, now, opened = tenant_id(tenant), datetime.now(UTC), database()
    with opened.system() as connection:
        ended = revoke_key(connection, owner, name, now=now, actor=operator())
    opened.close()
    if not ended:
        raise Refused("key.unknown", f"Tenant {owner} has no live key {name!r}. `opsspine keys list` shows all.")
    typer.echo(f"{name} is revoked.")
