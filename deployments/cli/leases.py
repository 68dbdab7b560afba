"""`opsspine leases …`: what is in force, until when, and how to end it early."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from deployments.cli.acting import acting
from deployments.cli.context import database, settings, system
from deployments.cli.output import listing, record
from deployments.cli.screen import short, whole
from spine.ids import LeaseId, tenant_id
from spine.lease import Lease, LeaseState
from spine.span import span
from store import flags
from store import leases as stored

leases = typer.Typer(help="Mitigations in force: each is a lease that ends by itself.", no_args_is_help=True)


@dataclass(frozen=True, slots=True)
class _Row:
    lease: Lease
    note: str
    """Its error, and what people changed under it."""


def register(app: typer.Typer) -> None:
    """Adds `opsspine leases`."""
    app.add_typer(leases, name="leases")


@leases.command("list")
def list_leases(tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None) -> None:
    """Every lease that has not ended, newest first, with what people changed under it."""
    now = datetime.now(UTC)
    with system() as connection:
        found = stored.list_live(connection, tenant_id(tenant) if tenant else None)
        drifts = {lease.id: flags.drift_of(connection, lease) for lease in found}
    rows = [_Row(lease, "; ".join(filter(None, [lease.error, drifts[lease.id]]))) for lease in found]
    listing(
        rows,
        {
            "lease": lambda row: short(row.lease.id),
            "tenant": lambda row: row.lease.tenant_id,
            "action": lambda row: row.lease.action_key,
            "targets": lambda row: "\n".join(row.lease.targets),
            "state": lambda row: row.lease.state.value,
            "ends in": lambda row: _left(row.lease, now),
            "note": lambda row: row.note,
        },
        empty="Nothing is in force.",
    )


@leases.command()
def revert(
    lease: Annotated[str, typer.Argument(help="The lease's id, or its first characters.")],
    as_: Annotated[str, typer.Option("--as", metavar="EMAIL", help="On whose behalf.")],
    reason: Annotated[str, typer.Option(help="Why; kept in the timeline and the audit trail.")],
) -> None:
    """End LEASE now; containment when a second person says so, too. Exit code 1 when it could not be taken back, or
    waits for that person; what could not be taken back is tried again by itself."""
    from tasks.leasing import ports_of, release_lease  # pandas: not for every command

    current = settings()
    opened = database(current)
    with opened.system() as connection:
        key = LeaseId(whole(connection, "lease", lease))
        tenant = stored.get(connection, key).tenant_id
    actor = acting(opened, as_, tenant, f"lease:{key}")
    ended = release_lease(opened, key, reason=reason, ports=ports_of(current), actor=actor)
    opened.close()
    record(ended)
    typer.echo(f"{ended.action_key} is {ended.state.value}" + (f": {ended.error}" if ended.error else ""))
    if ended.state is not LeaseState.REVERTED:
        raise typer.Exit(1)


def _left(lease: Lease, now: datetime) -> str:
    if lease.expires_at is None:
        return ""
    left = lease.expires_at - now
    return span(left) if left >= timedelta(0) else f"overdue {span(-left)}"
