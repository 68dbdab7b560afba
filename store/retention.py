"""How long every table keeps its rows, and the one pass that deletes in small batches what is over its time.

Every table of the schema is in `KEPT`; a test says so, so that none grows for ever unseen.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text

from spine.settings import RetentionSettings
from store import leases
from store.engine import Database
from store.models import SPARE


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long one table keeps its rows, in words, and how they go."""

    table: str
    how: str
    setting: str | None = None
    """The name of its time in `RetentionSettings`."""
    old: str | None = None
    """Condition of rows that `sweep` deletes; `:before` is now less the time. None = something else deletes them, or
    they are as many as something that people set up."""


def _aged(table: str, column: str, setting: str, more: str = "") -> Keeping:
    return Keeping(table, f"since {column}", setting, f"{column} < :before" + (f" and {more}" if more else ""))


_PARTITION, _FOLD, _FORGET = "by partition.drop_expired", "deleted by the fold", "by store/forget.py"
_INCIDENT = "with its incident"

OF_INCIDENT = (
    "oncall_pages", "oncall_escalations", "slack_posts", "outbox", "commands", "approval_votes", "approval_refusals",
    "approvals", "lease_releases", "flag_holds", "leases", "decisions", "incident_scores", "incident_outcomes",
    "incident_openings", "incident_roles", "incident_rooms", "incident_timeline", "evidence", "drills", "alerts",
)  # fmt: skip
"""What goes with an incident, in an order in which nothing that is left refers to what is gone."""

KEPT: tuple[Keeping, ...] = (
    Keeping("auth_ops_logs", f"whole days, {_PARTITION}", "event_days"),
    _aged("auth_ingest_rejects", "hour", "metric_hour_days"),
    Keeping("auth_metric_minutes", _PARTITION, "metric_minute_hours"),
    Keeping("auth_metric_hours", _PARTITION, "metric_hour_days"),
    Keeping("auth_unknown_hours", _PARTITION, "metric_hour_days"),
    Keeping("auth_active_days", f"31 days, {_PARTITION}"),
    Keeping("auth_user_country", f"since last seen, {_PARTITION}", "entity_days"),
    Keeping("auth_admin_habit", f"since last seen, {_PARTITION}", "entity_days"),
    *(Keeping(f"auth_{name}", _FOLD) for name in ("metric_delta", "login_delta", "sighting_delta")),
    Keeping("auth_crossing", f"six hours, {_FOLD}"),
    Keeping("auth_stale", "emptied by the profile"),
    *(
        Keeping(f"auth_{name}", "one row per tenant, or tenant and type, written anew")
        for name in ("tenant", "metric_profile", "fault_profile", "unknown_recent", "unknown_profile")
    ),
    *(Keeping(f"auth_{name}", "one row") for name in ("user_bits", "bucket_setting", "profile_state")),
    Keeping("installation", "one row"),
    _aged("auth_address", "maps_since", "address_days", "coalesce(bucket_at < :before, true)"),
    Keeping("incidents", "since it was resolved, when nothing of it is in force", "incident_days"),
    *(Keeping(name, _INCIDENT, "incident_days") for name in OF_INCIDENT if name not in ("outbox", "alerts", "drills")),
    Keeping("outbox", f"since it was sent, {_FORGET}; at the latest {_INCIDENT}", "message_days"),
    Keeping("alerts", f"since it came, {_FORGET}; at the latest {_INCIDENT}", "message_days"),
    _aged("drills", "finished_at", "incident_days", "incident_id is null"),
    _aged("suppressions", "ends_at", "incident_days"),
    _aged("operation_runs", "finished_at", "incident_days"),
    _aged("launch_waivers", "expires_at", "incident_days"),
    _aged("upkeep_receipts", "at", "incident_days"),
    _aged("oncall_overrides", "ends_at", "incident_days"),
    _aged("api_keys", "revoked_at", "incident_days"),
    Keeping(
        "flag_history", "old versions, since at", "incident_days",
        "at < :before and version < (select f.version from flags f where (f.tenant_id, f.key)"
        " = (flag_history.tenant_id, flag_history.key))",
    ),
    Keeping(
        "flag_changes", "since they ended, with the question that was asked", "incident_days",
        "ended_at < :before and not exists (select from approvals a where a.change_id = flag_changes.id)",
    ),
    Keeping("models", "retired and withdrawn ones but the last one in use", "metric_hour_days",
            f"status in ('retired', 'withdrawn') and made_at < :before and {SPARE}"),
    _aged("stepup_attempts", "at", "attempt_days"),
    _aged("hook_faults", "last_at", "attempt_days"),
    _aged("slack_homes", "opened_at", "attempt_days"),
    _aged("heartbeats", "at", "attempt_days"),
    _aged("health_checks", "at", "attempt_days"),
    _aged("outbox_channels", "held_until", "attempt_days"),
    Keeping("idempotency_keys", f"answered: {_FORGET}; never answered", "message_days",
            "first_seen_at < :before and locked_until < :before"),
    *(Keeping(name, _FORGET, "message_days") for name in ("sessions", "ceremonies", "signed_links", "rate_limits")),
    *(
        Keeping(name, "until people change it, or the person is erased")
        for name in ("people", "person_roles", "person_accounts", "passkeys", "recovery_codes", "oncall_contacts",
                     "oncall_rules", "oncall_schedules", "oncall_policies", "notify_routes", "flags",
                     "flag_declarations", "flag_epochs", "model_samples")
    ),
    Keeping("audit_entries", "for ever: a chain without its beginning proves nothing; some 1.5 kB an entry"),
    Keeping("audit_heads", "for ever, one row per tenant"),
    Keeping("alembic_version", "one row"),
)  # fmt: skip

_EXPIRED = text(f"""
    select id from incidents i where status = 'resolved' and resolved_at < :before
      and not exists (select from leases where incident_id = i.id and {leases.OPEN})
    order by resolved_at limit :batch for update skip locked""")  # noqa: S608 - a constant
_INCIDENTS_AT_ONCE = 100
_BY = {
    "approval_votes": "approval_id in (select id from approvals where incident_id = any(:ids))",
    "approval_refusals": "approval_id in (select id from approvals where incident_id = any(:ids))",
    "lease_releases": "lease_id in (select id from leases where incident_id = any(:ids))",
    "flag_holds": "lease_id in (select id from leases where incident_id = any(:ids))",
    "slack_posts": "incident_id = any(:ids) or approval_id in (select id from approvals where incident_id = any(:ids))"
    " or outbox_id in (select id from outbox where incident_id = any(:ids))",
    "outbox": "incident_id = any(:ids) or folded_into in (select id from outbox where incident_id = any(:ids))",
}
"""Whose incident a row is where it does not say so itself."""


def sweep(database: Database, now: datetime, settings: RetentionSettings) -> dict[str, int]:
    """Delete what is over its time, a batch per transaction; returns how many rows of which table. Can be repeated,
    interrupted, and run by several at once."""
    gone = _incidents(database, now, settings)
    _questions(database, now, settings)
    for keeping in KEPT:
        if keeping.old is None:
            continue
        values = {"now": now, "batch": settings.batch_rows}
        if keeping.setting:
            values["before"] = now - _time(keeping.setting, settings)
        table = keeping.table
        query = (
            f"delete from {table} where ctid = any(array(select ctid from {table} where {keeping.old} limit :batch))"  # noqa: S608 - our own list
        )
        rows = _until_done(database, query, values, settings.batch_rows)
        if rows:
            gone[table] = gone.get(table, 0) + rows
    return gone


def _time(setting: str, settings: RetentionSettings) -> timedelta:
    value = getattr(settings, setting)
    return timedelta(hours=value) if setting.endswith("_hours") else timedelta(days=value)


def _until_done(database: Database, query: str, values: Mapping[str, object], batch: int) -> int:
    rows = 0
    while True:
        with database.owner() as connection:
            connection.execute(text("set local lock_timeout = '2s'"))
            done = connection.execute(text(query), values).rowcount
        rows += done
        if done < batch:
            return rows


def _incidents(database: Database, now: datetime, settings: RetentionSettings) -> dict[str, int]:
    """Resolved incidents of the past, each with all of its rows in one transaction."""
    gone: dict[str, int] = {}
    before = now - timedelta(days=settings.incident_days)
    while True:
        with database.owner() as connection:
            connection.execute(text("set local lock_timeout = '2s'"))
            ids = connection.execute(_EXPIRED, {"before": before, "batch": _INCIDENTS_AT_ONCE}).scalars().all()
            for table in (*OF_INCIDENT, "incidents") if ids else ():
                where = "id = any(:ids)" if table == "incidents" else _BY.get(table, "incident_id = any(:ids)")
                done = connection.execute(text(f"delete from {table} where {where}"), {"ids": list(ids)})  # noqa: S608
                if done.rowcount:
                    gone[table] = gone.get(table, 0) + done.rowcount
        if len(ids) < _INCIDENTS_AT_ONCE:
            return gone


def _questions(database: Database, now: datetime, settings: RetentionSettings) -> None:
    """Questions about changes of flags that ended long ago."""
    old = "(select a.id from approvals a join flag_changes c on c.id = a.change_id where c.ended_at < :before)"
    values = {"before": now - timedelta(days=settings.incident_days)}
    with database.owner() as connection:
        for table in ("approval_votes", "approval_refusals", "slack_posts"):
            connection.execute(text(f"delete from {table} where approval_id in {old}"), values)  # noqa: S608 - constants
        connection.execute(text(f"delete from approvals where id in {old}"), values)  # noqa: S608 - constants
