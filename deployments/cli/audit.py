"""`opsspine audit …`: is the trail whole, and take it away to check elsewhere."""

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from deployments.cli.context import database, settings, system
from deployments.cli.operator import operator
from deployments.cli.output import asked, record
from deployments.cli.screen import console, whole
from spine.audit import AuditAction, BadEntry, Head, Link, verify_chain
from spine.checkpoint import Checkpoint, public_key, public_text, read, signed
from spine.errors import Refused
from spine.ids import TenantId, tenant_id
from spine.settings import Settings
from store import audit
from store.audit_tail import Entry, Wanted, newest
from store.engine import Database
from store.secrets import Vault
from tasks.checkpointing import checkpoint as sign_heads
from tasks.checkpointing import checkpoints_file

_LOOK_SECONDS = 1.0
_OVERLAP = timedelta(seconds=5)
"""Entries are written at the end of their transaction, a little after their time."""
_MOST = 1_000
_Tenant = Annotated[str | None, typer.Option(help="Only this tenant's chain.")]
_Checkpoint = Annotated[Path | None, typer.Option(help="Signed heads seen before; shows a cut-off end.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="The audit trail: verify, follow, export, sign where it stands.", no_args_is_help=True)
    group.command()(verify)
    group.command()(tail)
    group.command()(export)
    group.command()(checkpoint)
    group.command()(key)
    app.add_typer(group, name="audit")


def verify(
    file: Annotated[Path | None, typer.Argument(help="An export; default: the database.")] = None,
    tenant: _Tenant = None,
    checkpoint: _Checkpoint = None,
    key: Annotated[str | None, typer.Option(help="The checkpoints' public key; default: this installation's.")] = None,
) -> None:
    """Recompute every hash; name the first bad entry of each chain. Exit code 1 when there is one."""
    only = tenant_id(tenant) if tenant else None
    current = settings()
    note = checkpoint or (_note_of(file) if file else checkpoints_file(current))
    known = _known(current, note, key, checkpoint)
    heads = [one.head for one in known]
    if file:
        results = _verify_file(file, only, heads)
    else:
        with system(current) as connection:
            results = audit.verify_all(connection, only, heads)
    record([{"tenant": name, "bad": bad} for name, bad in results.items()])
    for bad in filter(None, results.values()):
        typer.echo(f"audit verify: BAD: {bad}", err=True)
    if any(results.values()):
        raise typer.Exit(1)
    end = f"{len(known)} checkpoints agree, {_latest(known)}" if known else "no checkpoint to hold the end against"
    typer.echo(f"audit verify: ok ({len(results)} chains, {end})")


def tail(
    lines: Annotated[int, typer.Option("--lines", "-n", help="How many to begin with.", min=0, max=10_000)] = 20,
    tenant: _Tenant = None,
    action: Annotated[AuditAction | None, typer.Option(help="Only this action.")] = None,
    incident: Annotated[str | None, typer.Option(help="Only what is about this incident.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is written from now on.")] = False,
) -> None:
    """The newest entries of the audit trail, in order. With --json and --follow one entry a line."""
    opened = database()
    with opened.system() as connection:
        about = whole(connection, "incident", incident) if incident else None
        wanted = Wanted(tenant_id(tenant) if tenant else None, action, about)
        found = newest(connection, wanted, lines)
    if follow:
        _follow(opened, wanted, found)
    elif record([one.event for one in found]):
        for one in found:
            console().print(_line(one), soft_wrap=True)
    opened.close()


def _follow(opened: Database, wanted: Wanted, found: list[Entry]) -> None:
    """Until Ctrl-C; straight to the terminal, for it has no end at which a document could be complete."""
    out, seen = sys.__stdout__, {(one.tenant, one.seq) for one in found}
    in_json = asked() is not None
    since = max((one.at for one in found), default=datetime.now(UTC))
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            for one in found:
                print(json.dumps(one.event) if in_json else _line(one).plain, file=out, flush=True)
            time.sleep(_LOOK_SECONDS)
            with opened.system() as connection:
                fresh = newest(connection, wanted, _MOST, since=since - _OVERLAP)
            found = [one for one in fresh if (one.tenant, one.seq) not in seen]
            seen |= {(one.tenant, one.seq) for one in found}
            since = max((one.at for one in found), default=since)


def _line(one: Entry) -> Text:
    data = one.event["data"]
    outcome = "" if data["outcome"] == "ok" else f" ({data['outcome']})"
    return Text(
        f"{one.at:%Y-%m-%d %H:%M:%S} {one.tenant} #{one.seq} {data['action']}{outcome}: {data['subject']} "
        f"by {data['actor']}"
    )


def export(out: Annotated[Path, typer.Option(help="The file to write.")], tenant: _Tenant = None) -> None:
    """Write the trail as NDJSON of CloudEvents, and beside it `<file>.note`: its heads, signed."""
    current = settings()
    count, now, heads = 0, datetime.now(UTC), []
    with system(current) as connection:
        for name in [tenant_id(tenant)] if tenant else audit.tenants(connection):
            audit.append(
                connection, name, AuditAction.RUNBOOK_RUN, actor=operator(), at=now,
                subject="audit", outcome="exported",
            )  # fmt: skip
            heads.append(audit.head(connection, name))
        with out.open("w", encoding="utf-8") as file:
            for head in filter(None, heads):
                count += audit.export(connection, head.tenant_id, file)
    notes = signed((Checkpoint(head, now) for head in filter(None, heads)), Vault.of(current).signing_key())
    _note_of(out).write_text(notes, encoding="utf-8")
    typer.echo(f"{count} entries of {len(heads)} tenants in {out}, their heads in {_note_of(out)}")


def checkpoint(
    out: Annotated[Path | None, typer.Option(help="The file to keep up to date; default: in the data folder.")] = None,
) -> None:
    """Sign where every chain stands, now rather than at the next hour. Copies off this machine show a cut-off end."""
    current = settings()
    opened = database(current)
    done = sign_heads(opened, current, datetime.now(UTC), file=out)
    opened.close()
    typer.echo(f"{done.heads} heads signed in {out or checkpoints_file(current)}")
    for problem in done.problems:
        typer.echo(f"audit checkpoint: BAD: {problem}", err=True)
    if done.problems:
        raise typer.Exit(1)


def key() -> None:
    """Print the public key that checkpoints are verified with, for a machine that is not this one."""
    typer.echo(public_text(Vault.of(settings()).signing_key().public_key()))


def _known(current: Settings, file: Path, key: str | None, asked: Path | None) -> list[Checkpoint]:
    """The checkpoints of `file`; none when nobody asked for it and it is not there."""
    if not file.exists():
        if asked:
            raise Refused("checkpoint.missing", f"There is no file {asked}. Make one with `opsspine audit checkpoint`.")
        return []
    verifier = public_key(key) if key else Vault.of(current).signing_key().public_key()
    return read(file.read_text(encoding="utf-8"), verifier)


def _latest(known: list[Checkpoint]) -> str:
    return f"the latest of {max(one.at for one in known):%Y-%m-%d %H:%M} UTC"


def _note_of(file: Path) -> Path:
    return file.with_name(file.name + ".note")


def _verify_file(file: Path, only: TenantId | None, known: list[Head]) -> dict[TenantId, BadEntry | None]:
    """Each tenant's lines stand together in an export, in order; a tenant that comes twice was edited in."""
    heads = [head for head in known if only in (None, head.tenant_id)]
    results: dict[TenantId, BadEntry | None] = {}
    for tenant, lines in groupby(_lines(file), key=lambda link: link.tenant_id):
        if only in (None, tenant):
            bad = verify_chain(lines, tenant, [head for head in heads if head.tenant_id == tenant])
            if tenant in results:
                bad = BadEntry(tenant, 0, "reordered", "its entries do not stand together")
            results[tenant] = results.get(tenant) or bad
    for name in {head.tenant_id for head in heads} - set(results):
        results[name] = verify_chain([], name, [head for head in heads if head.tenant_id == name])
    return results


def _lines(file: Path) -> Iterator[Link]:
    with file.open(encoding="utf-8") as opened:
        for number, line in enumerate(opened, 1):
            try:
                yield Link.of_export(json.loads(line))
            except (KeyError, ValueError, TypeError, AttributeError) as error:
                because = f"Line {number} of {file} is no exported entry: it was edited or cut."
                raise Refused("audit.line", f"audit verify: BAD: {because}") from error
