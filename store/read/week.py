"""What a weekly summary is made from: one tenant's incidents of some weeks, with what the trail holds about them."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from spine.approval import Approval
from spine.ids import TenantId
from spine.report.citation import Entry
from spine.report.weeks import WEEK, Rehearsed, Weeks, latest_of
from spine.settings.report import ReportSettings
from store.approvals import from_row as approval_row
from store.drills import from_row as drill_row
from store.incident_rows import COLUMNS, from_row
from store.read.account import account, link_of, sound_of, trail

_OPENED = text(
    f"select {COLUMNS} from incidents where opened_at > :since and opened_at <= :until and not synthetic"  # noqa: S608
    " order by opened_at, id"
)
_TENANTS = text("select distinct tenant_id from incidents where opened_at >= :since and not synthetic order by 1")
_APPROVALS = text("select * from approvals where requested_at >= :since and not synthetic order by requested_at, id")
_LATEST = text("select * from audit_entries where tenant_id = :tenant order by seq desc limit 1")
_DRILLS = text("select * from drills where finished_at is not null and passed and not negative order by finished_at")
_DRILL_ENTRIES = text("""
    select * from audit_entries where tenant_id = :tenant and action = 'runbook.run'
    and entry::jsonb #>> '{data,subject}' = any(:subjects) order by seq""")


def week(
    connection: Connection, tenant: TenantId, settings: ReportSettings, *, fresh_days: float, now: datetime
) -> Weeks:
    """The tenant's last weeks until `now`, as the tenant; a drill counts for `fresh_days`.

    Raises:
        Broken: the tenant's audit trail is empty, or its last entry was changed.
    """
    since = now - timedelta(weeks=settings.trend_weeks)
    incidents = tuple(from_row(row) for row in connection.execute(_OPENED, {"since": since, "until": now}))
    entries, broken = trail(connection, [one.id for one in incidents])
    latest = next((sound_of(link_of(row)) for row in connection.execute(_LATEST, {"tenant": tenant})), None)
    recent = [one for one in incidents if one.opened_at > now - WEEK]
    return Weeks(
        tenant=tenant, incidents=incidents, trail=tuple(entries), broken=tuple(broken),
        latest=latest_of(latest, tenant),
        accounts=tuple(account(connection, one.id, settings, now=now) for one in recent),
        approvals=_approvals(connection, now - WEEK), rehearsed=_rehearsed(connection, tenant), fresh_days=fresh_days,
        settings=settings, made_at=now,
    )  # fmt: skip


def tenants(connection: Connection, now: datetime) -> list[TenantId]:
    """Tenants that had incidents within the last year, as the system."""
    rows = connection.execute(_TENANTS, {"since": now - timedelta(days=365)})
    return [TenantId(row.tenant_id) for row in rows]


def _approvals(connection: Connection, since: datetime) -> tuple[Approval, ...]:
    return tuple(approval_row(row) for row in connection.execute(_APPROVALS, {"since": since}))


def _rehearsed(connection: Connection, tenant: TenantId) -> tuple[Rehearsed, ...]:
    """The latest passed drill of each kind, with the entry of its end."""
    latest = {run.kind: run for run in map(drill_row, connection.execute(_DRILLS))}
    subjects = [f"drill:{run.id}" for run in latest.values()]
    rows = connection.execute(_DRILL_ENTRIES, {"tenant": tenant, "subjects": subjects}).all() if subjects else []
    told: dict[str, Entry] = {found.subject: found for row in rows if (found := sound_of(link_of(row)))}
    return tuple(
        Rehearsed(kind=run.kind, name=run.name, at=run.finished_at, entry=told.get(f"drill:{run.id}"))
        for run in latest.values()
        if run.finished_at is not None
    )
