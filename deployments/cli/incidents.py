"""`opsspine incidents …`: what is open, and one incident's whole story."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from deployments.cli.acting import acting
from deployments.cli.context import database, settings
from deployments.cli.screen import console, short, whole
from spine.incident import Incident
from store import incidents as stored

_Id = Annotated[str, typer.Argument(help="The incident's id, or its first characters.")]
incidents = typer.Typer(
    help="Incidents: list them, show one with its evidence and timeline, end one.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Adds `opsspine incidents`."""
    app.add_typer(incidents, name="incidents")


@incidents.command("list")
def list_incidents(
    live: Annotated[bool, typer.Option("--live", help="Only those that are not resolved.")] = False,
    limit: Annotated[int, typer.Option(help="Rows at most.", min=1)] = 50,
) -> None:
    """The latest incidents, newest first; with --live the open ones, worst first."""
    opened = database()
    with opened.system() as connection:
        found = stored.list_live(connection)[:limit] if live else stored.list_recent(connection, limit)
    opened.close()
    table = Table("incident", "opened (UTC)", "tenant", "type", "class", "severity", "status")
    for one in found:
        table.add_row(
            short(one.id), f"{one.opened_at:%Y-%m-%d %H:%M}", one.tenant_id, one.kind.value,
            str(one.summary.get("class", "")), one.severity.label, _status(one),
        )  # fmt: skip
    console().print(table if found else "No incidents.")


@incidents.command()
def show(incident: _Id) -> None:
    """Everything about INCIDENT: what is known, on which evidence, and what happened when."""
    opened, out = database(), console()
    with opened.system() as connection:
        one = stored.get(connection, whole(connection, "incident", incident))
        receipts, story = stored.evidence(connection, one.id), stored.timeline(connection, one.id)
    opened.close()
    out.print(f"[bold]{one.title}[/bold]\n{one.id}, tenant {one.tenant_id}, {one.severity.label}, {_status(one)}")
    addresses = one.summary.get("addresses", [])
    more = one.summary.get("addresses_total", len(addresses)) - len(addresses[:20])
    out.print(f"addresses: {', '.join(addresses[:20])}" + (f" and {more} more" if more else ""))
    out.print(
        f"users tried: {one.summary.get('users_total', 0)}, "
        f"succeeded after the attack: {one.summary.get('compromised_total', 0)}"
    )
    evidence = Table("evidence", "window end (UTC)", "n", "observed", "sha256")
    for row in receipts:
        numbers = ", ".join(f"{name} {value:g}" for name, value in row.observed.items())
        evidence.add_row(row.source, f"{row.window_end:%Y-%m-%d %H:%M:%S}", str(row.n), numbers, row.sha256[:16])
    out.print(evidence)
    timeline = Table("at (UTC)", "what", "who", "")
    for line in story:
        timeline.add_row(f"{line['at']:%Y-%m-%d %H:%M:%S}", line["kind"], line["actor"], line["summary"])
    out.print(timeline)


@incidents.command()
def resolve(
    incident: _Id,
    as_: Annotated[str, typer.Option("--as", help="Your e-mail address.")],
    reason: Annotated[str, typer.Option(help="Why; it goes into the audit trail.")],
) -> None:
    """End INCIDENT: take back what it holds, and close it. The next attack opens a new one."""
    from tasks.closing import close_incident  # pandas: not for every command

    current = settings()
    opened = database(current)
    with opened.system() as connection:
        one = stored.get(connection, whole(connection, "incident", incident))
    actor = acting(opened, as_, one.tenant_id, f"incident:{one.id}")
    done = close_incident(opened, current, one.id, actor=actor, reason=reason, now=datetime.now(UTC))
    opened.close()
    typer.echo(f"Incident {done.id} is {done.status.value}.")


def _status(incident: Incident) -> str:
    notes = [
        "drill" if incident.synthetic else "",
        "suppressed" if incident.suppressed_by else "",
        f"recurrence of {short(incident.reopens)}" if incident.reopens else "",
    ]
    return ", ".join([incident.status.value, *filter(None, notes)])
