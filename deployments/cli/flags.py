"""`opsspine flags …`: what applications read, who holds it, and changes by compare-and-set."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from deployments.cli.acting import acting
from deployments.cli.context import database
from deployments.cli.screen import console
from spine.errors import Refused
from spine.flag import Evaluation, FlagSet
from spine.flag.controller import with_value
from spine.ids import TenantId, tenant_id
from store import flags as stored
from store.engine import Database

flags = typer.Typer(help="Feature flags: the base people edit, and the holds of leases on top.", no_args_is_help=True)

_Tenant = Annotated[str, typer.Option(help="Whose flags; default: the single tenant.")]
_As = Annotated[str, typer.Option("--as", metavar="EMAIL", help="On whose behalf.")]
_Reason = Annotated[str, typer.Option(help="Why; kept in the history and the audit trail.")]
_Expect = Annotated[int, typer.Option(help="The version you saw (0 = never edited); at another one nothing is stored.")]


def register(app: typer.Typer) -> None:
    """Adds `opsspine flags`."""
    app.add_typer(flags, name="flags")


@flags.command("list")
def list_flags(tenant: _Tenant = "") -> None:
    """Every flag: its version, what an ordinary request reads now, and who holds it."""
    now, opened, name = datetime.now(UTC), database(), tenant_id(tenant)
    with opened.tenant(name) as connection:
        found = stored.all_flags(connection, name)
    opened.close()
    loaded = FlagSet({key: flag.at(now) for key, flag in found.items()})
    table = Table("flag", "version", "reads", "holds", "purpose")
    for key in loaded.keys:
        flag = found[key]
        table.add_row(key, str(flag.version), _read(loaded, key), str(len(flag.holds) or ""), flag.purpose)
    console().print(table)


@flags.command()
def show(
    key: str, tenant: _Tenant = "", ip: Annotated[str, typer.Option(help="As seen from this address.")] = ""
) -> None:
    """The base of KEY, the holds on top, and what comes out."""
    now, opened, name = datetime.now(UTC), database(), tenant_id(tenant)
    flag = _flag(opened, name, key)
    opened.close()
    out = console()
    out.print(f"{key}, version {flag.version}: {flag.purpose}", markup=False)
    out.print_json(json.dumps(flag.definition.stored()))
    for hold in flag.holds:
        until = f"until {hold.expires_at:%Y-%m-%d %H:%M:%S} UTC" if hold.expires_at > now else "lapsed"
        out.print(f"held at {hold.variant!r} by lease {hold.lease_id}, {until}", markup=False)
        out.print_json(json.dumps({"condition": hold.condition, "metadata": dict(hold.metadata)}))
    context = {"ip": ip} if ip else {}
    out.print(f"reads: {_read(FlagSet({key: flag.at(now)}), key, **context)}", markup=False)


@flags.command("set")
def set_flag(
    key: str,
    expect_version: _Expect,
    as_: _As,
    reason: _Reason,
    value: Annotated[str | None, typer.Argument(help="true, false, a number, JSON, or text.")] = None,
    file: Annotated[Path | None, typer.Option(help="A whole definition in flagd's form instead of a value.")] = None,
    tenant: _Tenant = "",
) -> None:
    """Make VALUE (or FILE) the new base of KEY, unless somebody was faster. Holds of leases stay on top."""
    if (value is None) == (file is None):
        raise typer.BadParameter("give either a value or --file")
    opened, name = database(), tenant_id(tenant)
    actor = acting(opened, as_, name, f"flag:{key}")
    with opened.tenant(name) as connection:
        before = stored.get(connection, name, key)
        if file is not None:
            definition = _parsed(file.read_text(encoding="utf-8"), required=True)
        else:
            definition = with_value(before.definition if before else None, _parsed(str(value), required=False))
        version = stored.put(
            connection, name, key, definition, expected_version=expect_version, actor=actor, reason=reason,
            at=datetime.now(UTC),
        )  # fmt: skip
    _tell(opened, name, key, version)


@flags.command()
def history(key: str, tenant: _Tenant = "") -> None:
    """Every version of KEY's base: when, who, why."""
    opened, name = database(), tenant_id(tenant)
    with opened.tenant(name) as connection:
        versions = stored.history(connection, name, key)
    opened.close()
    table = Table("version", "when (UTC)", "who", "why", "default")
    for one in versions:
        at = f"{one.at:%Y-%m-%d %H:%M:%S}"
        table.add_row(str(one.version), at, one.actor, one.reason, json.dumps(one.definition.default))
    console().print(table)


@flags.command()
def revert(key: str, version: int, expect_version: _Expect, as_: _As, reason: _Reason, tenant: _Tenant = "") -> None:
    """Put the exact definition of VERSION back, as a new version."""
    opened, name = database(), tenant_id(tenant)
    actor = acting(opened, as_, name, f"flag:{key}")
    with opened.tenant(name) as connection:
        new = stored.revert(
            connection, name, key, version, expected_version=expect_version, actor=actor, reason=reason,
            at=datetime.now(UTC),
        )  # fmt: skip
    _tell(opened, name, key, new)


def _flag(opened: Database, tenant: TenantId, key: str) -> stored.StoredFlag:
    with opened.tenant(tenant) as connection:
        flag = stored.get(connection, tenant, key)
    if flag is None:
        raise Refused("flag.unknown", f"Tenant {tenant} has no flag {key}; `opsspine flags list` shows those it has.")
    return flag


def _tell(opened: Database, tenant: TenantId, key: str, version: int) -> None:
    """Read back, in a transaction of its own, and say what is there."""
    flag = _flag(opened, tenant, key)
    opened.close()
    reads = _read(FlagSet({key: flag.at(datetime.now(UTC))}), key)
    held = f", held by {len(flag.holds)} leases" if flag.holds else ""
    typer.echo(f"{key} is at version {version} and reads {reads}{held}")


def _read(loaded: FlagSet, key: str, **context: str) -> str:
    found = loaded.evaluate(key, context)
    if not isinstance(found, Evaluation):
        return found.code
    return f"{json.dumps(found.value)}" + (f" {json.dumps(found.metadata)}" if found.metadata else "")


def _parsed(text: str, *, required: bool) -> Any:
    """JSON; what is none is plain text where that makes sense."""
    try:
        return json.loads(text)
    except ValueError as error:
        if required:
            raise Refused("flag.file", f"The file is no JSON: {error}. Nothing was stored.") from error
        return text
