"""`opsspine flags declare|declared|preview|change|check`: flags as the runbook flag_management treats them."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.cli import flag_changes
from deployments.cli.context import database, settings, system
from deployments.cli.flag_gate import changer, pass_gate
from deployments.cli.flags import flags
from deployments.cli.operator import operator
from deployments.cli.output import listing, record
from spine.clock import SystemClock
from spine.flag.care import Declaration
from spine.ids import TenantId, tenant_id
from store import flag_care
from store.engine import Database

if TYPE_CHECKING:
    from tasks.flag_managing import Managing

_Tenant = Annotated[str, typer.Option(help="Whose flags; default: the single tenant.")]
_As = Annotated[str, typer.Option("--as", metavar="EMAIL", help="On whose behalf.")]
_Reason = Annotated[str, typer.Option(help="Why; kept in the history and the audit trail.")]
_Totp = Annotated[str | None, typer.Option(help="The code; '-' reads it from standard input; default: you are asked.")]
_Expect = Annotated[int, typer.Option(help="The version you saw (0 = never edited); at another one nothing is stored.")]
_Value = Annotated[str | None, typer.Argument(help="true, false, a number, JSON, or text.")]
_File = Annotated[Path | None, typer.Option(help="A whole definition in flagd's form instead of a value.")]


def register(app: typer.Typer) -> None:
    """Adds the commands to `opsspine flags`, which `app` has from deployments/cli/flags.py."""
    assert isinstance(app, typer.Typer)
    for name, command in (
        ("declare", declare), ("declared", declared), ("preview", preview), ("change", change), ("check", check),
    ):  # fmt: skip
        flags.command(name)(command)


def declare(
    key: str,
    as_: _As,
    owner: Annotated[str, typer.Option(help="Whom to ask.")],
    purpose: Annotated[str, typer.Option(help="What it does.")],
    safe: Annotated[str, typer.Option(help="The variant to fall back to, as off.")],
    expires: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Temporary: when it is out of the code, UTC.")
    ] = None,
    kill_switch: Annotated[bool, typer.Option("--kill-switch", help="It must be thrown every 90 days.")] = False,
    depends_on: Annotated[list[str] | None, typer.Option(help="A flag it rests on; repeat for several.")] = None,
    tenant: _Tenant = "",
) -> None:
    """Say what KEY is: whose, what for, its safe default, its end, what it rests on. Its value stays as it is."""
    opened, name = database(), tenant_id(tenant)
    by = changer(opened, as_, name, key)
    made = Declaration(
        key=key, safe=safe, kill_switch=kill_switch, depends_on=tuple(depends_on or ()),
        expires_at=expires.replace(tzinfo=UTC) if expires else None,
    )  # fmt: skip
    with opened.system() as connection:
        flag_care.declare(
            connection, name, made, owner=owner, purpose=purpose, temporary=expires is not None, actor=by.actor,
            now=datetime.now(UTC),
        )  # fmt: skip
    opened.close()
    typer.echo(f"{key} is declared: {'temporary' if expires else 'permanent'}, safe default {safe!r}.")


def declared(tenant: _Tenant = "") -> None:
    """What is declared of each flag; those of the product are kill switches by themselves."""
    name = tenant_id(tenant)
    with system() as connection:
        found = flag_care.declarations(connection, name)
    listing(
        [found[key] for key in sorted(found)],
        {
            "flag": lambda one: one.key, "safe": lambda one: one.safe,
            "kill switch": lambda one: "yes" if one.kill_switch else "",
            "ends": lambda one: f"{one.expires_at:%Y-%m-%d}" if one.expires_at else "",
            "depends on": lambda one: ", ".join(one.depends_on),
        },
        empty="Nothing is declared.",
    )  # fmt: skip


def preview(key: str, value: _Value = None, file: _File = None, tenant: _Tenant = "") -> None:
    """Whom a change of KEY to VALUE would reach. Changes nothing."""
    from tasks.flag_managing import previewed

    opened, name = database(), tenant_id(tenant)
    with opened.system() as connection:
        wanted = flag_changes.wanted_of(connection, name, key, value, file, 0, "preview", None, None)
    seen = previewed(_desk(opened, name), wanted)
    opened.close()
    if record(seen):
        typer.echo(f"{key}: {seen.sentence}")


def change(
    key: str,
    expect_version: _Expect,
    as_: _As,
    reason: _Reason,
    value: _Value = None,
    file: _File = None,
    at: flag_changes.At = None,
    minutes: flag_changes.For = None,
    totp: _Totp = None,
    tenant: _Tenant = "",
) -> None:
    """Change a declared KEY, and see that applications read it; else it is taken back. Exit code 1 when it was."""
    from tasks.flag_managing import manage

    opened, name, current = database(), tenant_id(tenant), settings()
    by = changer(opened, as_, name, key)
    gate = pass_gate(opened, by, key, current, totp)
    with opened.system() as connection:
        wanted = flag_changes.wanted_of(
            connection, name, key, value, file, expect_version, reason, at, minutes
        )  # fmt: skip
    done = asyncio.run(manage(_desk(opened, name), wanted, by.proposer, gate))
    opened.close()
    if record(done):
        at_version = f"version {done.version}" if done.version else "planned"
        typer.echo(f"{key}: {done.preview.sentence}")
        typer.echo(f"{key}: {at_version if done.stands else 'TAKEN BACK'}; {done.because}")
    raise typer.Exit(0 if done.stands else 1)


def check(tenant: _Tenant = "") -> None:
    """Conflicts, drift, stale and expired flags, unmet dependencies, untested kill switches. Exit code 1 on any."""
    from tasks.flag_caring import check_flags

    opened = database()
    told = check_flags(_desk(opened, tenant_id(tenant)), who=operator())
    opened.close()
    listing(
        told,
        {"flag": lambda one: one.key, "finding": lambda one: one.kind, "what it means": lambda one: one.says},
        empty="Every flag is looked after.",
    )
    raise typer.Exit(1 if told else 0)


def _desk(opened: Database, tenant: TenantId) -> "Managing":
    from tasks.flag_managing import Managing

    return Managing(database=opened, settings=settings(), clock=SystemClock(), tenant=tenant)
