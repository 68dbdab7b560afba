"""`opsspine suppressions …`: announce a deploy, a load test or maintenance."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

import typer

from deployments.cli.acting import acting
from deployments.cli.context import database, system
from deployments.cli.output import listing, record
from spine.errors import Refused
from spine.ids import NO_TENANT, tenant_id
from spine.incident import IncidentKind
from spine.suppression import Reason
from store import suppressions as stored

suppressions = typer.Typer(
    help="Suppression windows: severity one lower, no page and no automatic action, for at most four hours.",
    no_args_is_help=True,
)
_As = Annotated[str, typer.Option("--as", metavar="EMAIL", help="On whose behalf.")]


def register(app: typer.Typer) -> None:
    """Adds `opsspine suppressions`."""
    app.add_typer(suppressions, name="suppressions")


@suppressions.command()
def add(
    reason: Annotated[Reason, typer.Option(help="Why alarms are expected.")],
    note: Annotated[str, typer.Option(help="What is being done; kept in the audit trail.")],
    as_: _As,
    minutes: Annotated[float, typer.Option(help="How long, at most 240.", min=1, max=240)] = 60,
    tenant: Annotated[str, typer.Option(help="Whose incidents.")] = NO_TENANT,
    kind: Annotated[IncidentKind | None, typer.Option(help="One type of incident; default: all.")] = None,
) -> None:
    """Begin a window now. A success after an attack is never suppressed."""
    opened, now, owner = database(), datetime.now(UTC), tenant_id(tenant)
    actor = acting(opened, as_, owner, "suppression:new")
    with opened.system() as connection:
        window = stored.add(
            connection, owner, reason=reason, kind=kind, owner=actor, note=note, starts_at=now,
            length=timedelta(minutes=minutes), now=now,
        )  # fmt: skip
    opened.close()
    record(window)
    typer.echo(f"{window.id} runs until {window.ends_at:%H:%M} UTC; end it early with `opsspine suppressions end`.")


@suppressions.command("list")
def list_suppressions() -> None:
    """Windows that run or are yet to come."""
    with system() as connection:
        found = stored.listed(connection, datetime.now(UTC))
    listing(
        found,
        {
            "suppression": lambda one: one.id,
            "tenant": lambda one: one.tenant_id,
            "reason": lambda one: one.reason.value,
            "type": lambda one: one.kind.value if one.kind else "all",
            "from (UTC)": lambda one: f"{one.starts_at:%Y-%m-%d %H:%M}",
            "until (UTC)": lambda one: f"{one.ends_at:%Y-%m-%d %H:%M}",
            "owner": lambda one: one.owner,
            "note": lambda one: one.note,
        },
        empty="No window runs, and none is to come.",
    )


@suppressions.command()
def end(suppression: UUID, as_: _As) -> None:
    """End SUPPRESSION now; the next tick gives back what it held."""
    opened, now = database(), datetime.now(UTC)
    with opened.system() as connection:
        found = [one for one in stored.listed(connection, now) if one.id == suppression]
    if not found:
        raise Refused("suppression.over", f"There is no running suppression {suppression}; nothing was changed.")
    actor = acting(opened, as_, found[0].tenant_id, f"suppression:{suppression}")
    with opened.system() as connection:
        stored.end(connection, suppression, actor=actor, now=now)
    opened.close()
    typer.echo(f"{suppression} is over.")
