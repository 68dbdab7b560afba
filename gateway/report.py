"""Reports over HTTP: read as the caller's tenant, given away in the form that was asked for."""

from uuid import UUID

from fastapi import Request, Response

from gateway.context import context_of
from gateway.problem import Problem
from spine.errors import Broken
from spine.ids import TenantId
from spine.report.incident import incident_report
from spine.report.model import Report
from spine.report.render import Form, render
from spine.report.week import week_report
from store.read import account as accounts
from store.read import incidents
from store.read.week import week

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-store",
}
"""A report brings its style along and loads nothing; it is of one moment."""


def incident(request: Request, tenant: TenantId, key: UUID, form: Form) -> Response:
    """The report of one of the tenant's incidents.

    Raises:
        Problem: 404, it has no such incident; 409, the trail holds nothing a report could rest on.
    """
    context = context_of(request)
    with context.database.tenant(tenant) as connection:
        if incidents.incident(connection, key) is None:
            raise Problem(404, "incident.unknown", "There is no such incident in this tenant. The list has all.")
        try:
            read = accounts.account(connection, key, context.settings.report, now=context.clock.now())
        except Broken as error:
            raise Problem(409, "report.unfounded", str(error)) from error
    return given(incident_report(read), form, f"incident-{str(key)[:8]}")


def last_week(request: Request, tenant: TenantId, form: Form) -> Response:
    """The summary of the tenant's last seven days.

    Raises:
        Problem: 409, the tenant's trail holds nothing a summary could rest on.
    """
    context = context_of(request)
    settings, now = context.settings, context.clock.now()
    with context.database.tenant(tenant) as connection:
        try:
            read = week(connection, tenant, settings.report, fresh_days=settings.drill.fresh_days, now=now)
        except Broken as error:
            raise Problem(409, "report.unfounded", str(error)) from error
    return given(week_report(read), form, f"week-{now:%Y-%m-%d}")


def given(report: Report, form: Form, name: str) -> Response:
    """The report as an answer; a browser shows a page, and saves what is for other eyes under a telling name."""
    headers = {**HEADERS, "Content-Disposition": f'inline; filename="{name}.{form.value}"'}
    return Response(render(report, form), media_type=f"{form.media_type}; charset=utf-8", headers=headers)
