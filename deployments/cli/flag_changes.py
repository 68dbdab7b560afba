"""`opsspine flags propose|changes|apply|withdraw|findings|export|import`: changes that wait, and files."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from sqlalchemy import Connection

from deployments.cli.acting import acting
from deployments.cli.context import database, settings
from deployments.cli.flag_gate import changer, pass_gate
from deployments.cli.screen import console, short, whole
from spine.errors import Refused
from spine.flag.change import FlagChange
from spine.flag.controller import with_value
from spine.flag.file import export, read
from spine.ids import ChangeId, TenantId, tenant_id
from spine.plan import Gate
from spine.span import span
from store import flag_changes, flag_findings
from store import flags as stored
from store.engine import Database
from store.flag_propose import Wanted, apply, archiving, must, propose, withdraw

_Tenant = Annotated[str, typer.Option(help="Whose flags; default: the single tenant.")]
_As = Annotated[str, typer.Option("--as", metavar="EMAIL", help="On whose behalf.")]
_Reason = Annotated[str, typer.Option(help="Why; kept in the history and the audit trail.")]
_Expect = Annotated[int, typer.Option(help="The version you saw (0 = never edited); at another one nothing is stored.")]
_Totp = Annotated[str | None, typer.Option(help="The code; '-' reads it from standard input; default: you are asked.")]
_Change = Annotated[str, typer.Argument(help="The change's id, or its first characters.")]
At = Annotated[
    datetime | None, typer.Option("--at", formats=["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"], help="When it begins, UTC.")
]
For = Annotated[float | None, typer.Option("--for", metavar="MINUTES", help="How long; then what was before is back.")]
_PAGE = 200


def extend(flags: typer.Typer) -> None:
    """Add the commands to `opsspine flags`."""
    for command in (changes, withdraw_change, findings):
        name = {"withdraw_change": "withdraw"}.get(command.__name__, command.__name__)
        flags.command(name)(command)
    flags.command("propose")(propose_change)
    flags.command("apply")(apply_change)
    flags.command("archive")(archive_flag)
    flags.command("export")(export_file)
    flags.command("import")(import_file)


def propose_change(
    key: str,
    expect_version: _Expect,
    as_: _As,
    reason: _Reason,
    value: Annotated[str | None, typer.Argument(help="true, false, a number, JSON, or text.")] = None,
    file: Annotated[Path | None, typer.Option(help="A whole definition in flagd's form instead of a value.")] = None,
    at: At = None,
    minutes: For = None,
    tenant: _Tenant = "",
) -> None:
    """Propose a change of KEY: people are asked where it needs them, and somebody applies it then."""
    opened, name, current = database(), tenant_id(tenant), settings()
    by = changer(opened, as_, name, key)
    with opened.system() as connection:
        wanted = wanted_of(connection, name, key, value, file, expect_version, reason, at, minutes)
        made = propose(
            connection, name, wanted, by.proposer, by.ruling(key, current).gate, now=datetime.now(UTC), settings=current
        )
    opened.close()
    waits = f"waits for approval {made.approval_id}" if made.approval_id else "needs nobody else"
    typer.echo(f"change {made.id} of {key} is proposed and {waits}; then: opsspine flags apply {short(made.id)}")


def changes(
    key: Annotated[str, typer.Option(help="Of this flag only.")] = "", tenant: _Tenant = ""
) -> None:  # fmt: skip
    """Changes that were proposed, newest first: waiting, planned, applied, overtaken."""
    opened, name = database(), tenant_id(tenant)
    with opened.tenant(name) as connection:
        found = flag_changes.of_tenant(connection, name, key=key or None, limit=_PAGE)
    opened.close()
    table = Table("change", "flag", "state", "begins (UTC)", "for", "gate", "by", "why")
    for one in found:
        begins = f"{one.starts_at:%Y-%m-%d %H:%M:%S}" if one.starts_at else ""
        length = span(one.ttl) if one.ttl else ""
        table.add_row(
            short(one.id), one.key, one.state.value, begins, length, one.gate.label, one.proposed_by, one.reason
        )
    console().print(table if found else "No change was ever proposed.")


def apply_change(change: _Change, as_: _As, totp: _Totp = None, tenant: _Tenant = "") -> None:
    """Bring a change into force that was approved, or that needs nobody; one with a time ahead is planned."""
    opened, name = database(), tenant_id(tenant)
    one = _find(opened, name, change)
    by, now = changer(opened, as_, name, one.key), datetime.now(UTC)
    with opened.tenant(name) as connection:
        approved = flag_changes.granted(connection, one, now)
    gate = Gate.APPROVE if approved or one.gate >= Gate.APPROVE else pass_gate(opened, by, one.key, settings(), totp)
    with opened.tenant(name) as connection:
        done = apply(connection, name, one.id, actor=by.actor, now=now, gate=gate)
    opened.close()
    typer.echo(f"{done.key}: {done.state.value}" + (f" as version {done.version}" if done.version else ""))


def withdraw_change(change: _Change, as_: _As, tenant: _Tenant = "") -> None:
    """Take a draft back, or a planned change that has not begun."""
    opened, name = database(), tenant_id(tenant)
    one = _find(opened, name, change)
    actor = acting(opened, as_, name, f"flag:{one.key}")
    with opened.tenant(name) as connection:
        withdraw(connection, name, one.id, actor=actor, now=datetime.now(UTC))
    opened.close()
    typer.echo(f"The change of {one.key} is withdrawn.")


def archive_flag(
    key: str, expect_version: _Expect, as_: _As, reason: _Reason, totp: _Totp = None, tenant: _Tenant = ""
) -> None:
    """Put KEY away, which no code reads any more. Its versions stay: `opsspine flags revert` brings it back."""
    opened, name, current = database(), tenant_id(tenant), settings()
    by, now = changer(opened, as_, name, key), datetime.now(UTC)
    gate = by.ruling(key, current).gate
    if gate not in (Gate.APPROVE, Gate.TWO_PERSON):
        pass_gate(opened, by, key, current, totp)
    with opened.system() as connection:
        wanted = archiving(connection, name, key, expect_version, reason)
        made = propose(connection, name, wanted, by.proposer, gate, now=now, settings=current)
        if gate < Gate.APPROVE:
            made = apply(connection, name, made.id, actor=by.actor, now=now, gate=gate)
    opened.close()
    if made.version is not None:
        typer.echo(f"{key} is archived as version {made.version}; applications use their own defaults now")
        return
    typer.echo(f"change {made.id} waits for approval {made.approval_id}; then: opsspine flags apply {short(made.id)}")


def findings(tenant: _Tenant = "") -> None:
    """What is wrong with flags, or will be: broken, conflict, drift, overtaken, stale, unowned."""
    opened, name, stale = database(), tenant_id(tenant), timedelta(days=settings().flag.stale_days)
    with opened.tenant(name) as connection:
        found = flag_findings.found(connection, name, now=datetime.now(UTC), stale=stale)
    opened.close()
    table = Table("flag", "finding", "what it means")
    for one in found:
        table.add_row(one.key, one.kind, one.says)
    console().print(table if found else "Nothing is wrong with the flags.")


def export_file(tenant: _Tenant = "") -> None:
    """Print the bases that people edited as a file that flagd reads; what leases hold is not in it."""
    opened, name, now = database(), tenant_id(tenant), datetime.now(UTC)
    with opened.tenant(name) as connection:
        found = stored.all_flags(connection, name)
    opened.close()
    edited = {key: flag.base_at(now) for key, flag in found.items() if flag.version_at(now)}
    shown = export({key: base for key, base in edited.items() if not base.archived})
    typer.echo(json.dumps(shown, indent=2, ensure_ascii=False))


def import_file(file: Path, as_: _As, reason: _Reason, totp: _Totp = None, tenant: _Tenant = "") -> None:
    """Take over a flagd FILE, whole or not at all. Where your word is not enough a flag becomes a proposal."""
    opened, name, current = database(), tenant_id(tenant), settings()
    good, bad = read(parsed(file.read_text(encoding="utf-8"), required=True))
    if bad:
        raise Refused("flag.file", "; ".join(f"{key}: {why}" for key, why in sorted(bad.items())))
    by, now = changer(opened, as_, name, "import"), datetime.now(UTC)
    rulings = {key: by.ruling(key, current).gate for key in good}
    if Gate.STEP_UP in rulings.values():
        pass_gate(opened, by, next(key for key in good if rulings[key] is Gate.STEP_UP), current, totp)
    told = []
    with opened.system() as connection:
        for key, definition in sorted(good.items()):
            flag = stored.get(connection, name, key)
            if flag is not None and flag.base_at(now) == definition:
                continue
            wanted = Wanted(
                key=key, definition=definition.stored(), expected_version=flag.version_at(now) if flag else 0,
                reason=reason,
            )  # fmt: skip
            made = propose(connection, name, wanted, by.proposer, rulings[key], now=now, settings=current)
            if rulings[key] < Gate.APPROVE:
                made = apply(connection, name, made.id, actor=by.actor, now=now, gate=rulings[key])
            told.append(f"{key}: {made.state.value}")
    opened.close()
    typer.echo("\n".join(told) or "Everything in the file is as it is here already.")


def wanted_of(
    connection: Connection,
    tenant: TenantId,
    key: str,
    value: str | None,
    file: Path | None,
    expected: int,
    reason: str,
    at: datetime | None,
    minutes: float | None,
) -> Wanted:
    """What the words of a command ask for."""
    if (value is None) == (file is None):
        raise typer.BadParameter("give either a value or --file")
    before = stored.get(connection, tenant, key)
    if file is not None:
        definition = parsed(file.read_text(encoding="utf-8"), required=True)
    else:
        definition = with_value(before.definition if before else None, parsed(str(value), required=False))
    return Wanted(
        key=key, definition=definition, expected_version=expected, reason=reason,
        starts_at=at.replace(tzinfo=UTC) if at else None, ttl=timedelta(minutes=minutes) if minutes else None,
    )  # fmt: skip


def parsed(text: str, *, required: bool) -> Any:
    """JSON; what is none is plain text where that makes sense."""
    try:
        return json.loads(text)
    except ValueError as error:
        if required:
            raise Refused("flag.file", f"The file is no JSON: {error}. Nothing was stored.") from error
        return text


def _find(opened: Database, tenant: TenantId, start: str) -> FlagChange:
    with opened.tenant(tenant) as connection:
        try:
            return must(connection, tenant, ChangeId(whole(connection, "flag_change", start)))
        except Refused as refusal:
            raise Refused(
                "change.unknown",
                f"{start!r} begins no change, or several. Nothing was done. See `opsspine flags changes`.",
            ) from refusal
