"""`opsspine report …`: what happened at an incident, or in a week, in sentences that cite the audit trail."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from deployments.cli.context import database, settings
from deployments.cli.output import record
from deployments.cli.screen import whole
from spine.errors import Refused
from spine.ids import NO_TENANT, TenantId, tenant_id
from spine.report.document import document
from spine.report.incident import incident_report
from spine.report.model import Report
from spine.report.render import Form, render
from spine.report.week import week_report
from store.engine import Database
from store.read.account import account
from store.read.week import tenants, week

_Form = Annotated[Form, typer.Option("--format", help="md for a ticket, html to read and print, json for programs.")]
_Out = Annotated[Path | None, typer.Option(help="Write there instead of the screen.")]
_WEEK = "week"


def register(app: typer.Typer) -> None:
    """Adds `opsspine report`."""
    app.command("report")(report)


def report(
    what: Annotated[str, typer.Argument(help="An incident's id, or its first characters; or the word week.")],
    form: _Form = Form.MD,
    out: _Out = None,
    tenant: Annotated[str | None, typer.Option(help="Whose week; default: the only tenant that had incidents.")] = None,
) -> None:
    """The report of the incident WHAT, or, for `week`, the summary of the last seven days with trends of eight weeks.

    Every fact names the audit entries it rests on. An html report loads nothing: keep it, mail it, print it to PDF.
    """
    current, now = settings(), datetime.now(UTC)
    opened = database(current)
    with opened.system() as connection:
        key = None if what == _WEEK else whole(connection, "incident", what)
    if key is None:
        owner = _owner(opened, tenant, now)
        with opened.tenant(owner) as connection:
            made = week_report(week(connection, owner, current.report, fresh_days=current.drill.fresh_days, now=now))
    else:
        with opened.system() as connection:
            made = incident_report(account(connection, key, current.report, now=now))
    opened.close()
    _give(made, form, out)


def _give(made: Report, form: Form, out: Path | None) -> None:
    if not record(document(made)):
        return
    text = render(made, form)
    if out is None:
        sys.stdout.write(text)
        return
    out.write_text(text, encoding="utf-8")
    typer.echo(f"Wrote {out}: {len(made.facts)} facts from {len(made.entries)} audit entries.")


def _owner(opened: Database, named: str | None, now: datetime) -> TenantId:
    """Whose week it is.

    Raises:
        Refused: several tenants had incidents and none was named.
    """
    if named is not None:
        return tenant_id(named)
    with opened.system() as connection:
        found = tenants(connection, now)
    if len(found) > 1:
        raise Refused(
            "report.tenant",
            f"{len(found)} tenants had incidents lately, and a summary is of one of them: add --tenant with one of "
            f"{', '.join(found[:10])}{' …' if len(found) > 10 else ''}. Nothing was made.",
        )
    return found[0] if found else NO_TENANT
