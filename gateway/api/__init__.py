"""The owner's API: everything console, command line and Slack do, for programs. One file per kind of thing."""

from fastapi import APIRouter

from gateway.api import (
    actions,
    alertmanager,
    approvals,
    audit,
    auth_event,
    contacts,
    flag_changes,
    flags,
    incidents,
    keys,
    measures,
    mitigations,
    oncall,
    operations,
    people,
    reports,
    suppressions,
    triage,
)

ROUTERS: tuple[APIRouter, ...] = (
    auth_event.router,
    actions.router,
    measures.router,
    reports.router,
    incidents.router,
    triage.router,
    approvals.router,
    mitigations.router,
    suppressions.router,
    flags.router,
    flag_changes.router,
    audit.router,
    people.router,
    keys.router,
    contacts.router,
    oncall.router,
    operations.router,
    alertmanager.router,
)
