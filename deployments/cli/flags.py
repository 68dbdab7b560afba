"""`opsspine flags …`: what applications read, who holds it, and changes by compare-and-set."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from deployments.cli import flag_changes
from deployments.cli.context import database, settings
from deployments.cli.flag_gate import changer, pass_gate
from deployments.cli.screen import console
from spine.errors import Refused
from spine.flag import Evaluation, FlagSet
from spine.flag.stored import StoredFlag
from spine.ids import TenantId, tenant_id
from store import flags as stored
from store.engine import Database
from store.flag_propose import apply, propose

flags = typer.Typer(help="Feature flags: the base people edit, and the holds of leases on top.", no_args_is_help=True)

_Tenant = Annotated[str, typer.Option(help="Whose flags; default: the single tenant.")]
_As = Annotated[str, typer.Option("--as", metavar="EMAIL", help="On whose behalf.")]
_Reason = Annotated[str, typer.Option(help="Why; kept in the history and the audit trail.")]
_Totp = Annotated[str | None, typer.Option(help="The code; '-' reads it from standard input; default: you are asked.")]
_Expect = Annotated[int, typer.Option(help="The version you saw (0 = never edited); at another one nothing is stored.")]


def register(app: typer.Typer) -> None:
    """Adds `opsspine flags`."""
    flag_changes.extend(flags)
    app.add_typer(flags, name="flags")


@flags.command("list")
def list_flags(
    tenant: _Tenant = "",
    archived: Annotated[bool, typer.Option("--archived", help="Those that were put away, instead.")] = False,
) -> None:
    """Every flag: its version, what an ordinary request reads now, and who holds it."""
    now, opened, name = datetime.now(UTC), database(), tenant_id(tenant)
    with opened.tenant(name) as connection:
        every = stored.all_flags(connection, name)
    opened.close()
    found = {key: flag for key, flag in every.items() if flag.base_at(now).archived is archived}
    loaded = FlagSet({key: flag.at(now) for key, flag in found.items()})
    table = Table("flag", "version", "reads", "holds", "purpose")
    for key in loaded.keys:
        flag = found[key]
        table.add_row(key, str(flag.version_at(now)), _read(loaded, key), str(len(flag.holds) or ""), flag.purpose)
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
    out.print(f"{key}, version {flag.version_at(now)}: {flag.purpose}", markup=False)
    out.print_json(json.dumps(flag.base_at(now).stored()))
    for plan in flag.planned:
        what = "goes back to" if plan.returns else "becomes"
        out.print(f"at {plan.starts_at:%Y-%m-%d %H:%M:%S} UTC it {what}", markup=False)
        out.print_json(json.dumps(plan.definition.stored()))
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
    at: flag_changes.At = None,
    minutes: flag_changes.For = None,
    totp: _Totp = None,
    tenant: _Tenant = "",
) -> None:
    """Make VALUE (or FILE) the new base of KEY, unless somebody was faster. Holds of leases stay on top.

    A key of high risk takes the code of an incident commander or security admin; others propose.
    """
    opened, name, current = database(), tenant_id(tenant), settings()
    by = changer(opened, as_, name, key)
    gate, now = pass_gate(opened, by, key, current, totp), datetime.now(UTC)
    with opened.system() as connection:
        wanted = flag_changes.wanted_of(
            connection, name, key, value, file, expect_version, reason, at, minutes
        )  # fmt: skip
        made = propose(connection, name, wanted, by.proposer, gate, now=now, settings=current)
        done = apply(connection, name, made.id, actor=by.actor, now=now, gate=gate)
    if done.version is None:
        opened.close()
        typer.echo(f"{key} will be changed at {at:%Y-%m-%d %H:%M:%S} UTC")
        return
    _tell(opened, name, key, done.version)


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
def revert(
    key: str, version: int, expect_version: _Expect, as_: _As, reason: _Reason, totp: _Totp = None, tenant: _Tenant = ""
) -> None:
    """Put the exact definition of VERSION back, as a new version."""
    opened, name = database(), tenant_id(tenant)
    by = changer(opened, as_, name, key)
    pass_gate(opened, by, key, settings(), totp)
    with opened.tenant(name) as connection:
        new = stored.revert(
            connection, name, key, version, expected_version=expect_version, actor=by.actor, reason=reason,
            at=datetime.now(UTC),
        )  # fmt: skip
    _tell(opened, name, key, new)


def _flag(opened: Database, tenant: TenantId, key: str) -> StoredFlag:
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
