"""`opsspine keys …`: API keys of applications. A key belongs to one tenant and is shown once."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer

from deployments.cli.context import system
from deployments.cli.operator import operator
from deployments.cli.output import listing, record
from gateway.auth import Scope
from spine.errors import Refused
from spine.ids import tenant_id
from store.keys import add_key, list_keys, revoke_key

_Name = Annotated[str, typer.Argument(help="What uses it.")]
_Tenant = Annotated[str, typer.Option(help="Whose key; default: the single tenant.")]
_APPLICATION = [Scope.EVENTS_WRITE, Scope.FLAGS_READ]


@dataclass(frozen=True, slots=True)
class Shown:
    """A key as it is shown: never the secret, which nobody has any more."""

    tenant: str
    name: str
    scopes: list[str]
    last_used_at: datetime | None


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
    owner, now = tenant_id(tenant), datetime.now(UTC)
    with system() as connection:
        scopes = [one.value for one in scope or _APPLICATION]
        _, secret = add_key(connection, owner, name, scopes, now=now, actor=operator())
    record({"tenant": owner, "name": name, "scopes": scopes, "key": secret})
    typer.echo(secret)


def show() -> None:
    """Every live key."""
    with system() as connection:
        found = [Shown(key.tenant_id, key.name, sorted(key.scopes), used) for key, used in list_keys(connection)]
    listing(
        found,
        {
            "tenant": lambda one: one.tenant,
            "name": lambda one: one.name,
            "scopes": lambda one: ", ".join(one.scopes),
            "last used (UTC)": lambda one: f"{one.last_used_at:%Y-%m-%d %H:%M}" if one.last_used_at else "never",
        },
        empty="There are no keys. Make one with `opsspine keys add`.",
    )


def revoke(name: _Name, tenant: _Tenant = "") -> None:
    """End a key at once."""
    owner, now = tenant_id(tenant), datetime.now(UTC)
    with system() as connection:
        ended = revoke_key(connection, owner, name, now=now, actor=operator())
    if not ended:
        raise Refused("key.unknown", f"Tenant {owner} has no live key {name!r}. `opsspine keys list` shows all.")
    typer.echo(f"{name} is revoked.")
