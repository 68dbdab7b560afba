"""Baselines: what is usual at this hour, from 28 days of history. Made once an hour."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, text

from spine.detect.fault.family import COUNTED, FAILED
from store import unknown
from store.fold import LOCK
from store.named import sql
from store.sketch import Union, sketch
from store.stage import cursor_of

HOUR = timedelta(hours=1)
ACTIVE = timedelta(days=30)
ALWAYS_COUNTED = 2
"""Failures of one hour that are never cut from what is usual: where little happens, most hours are empty. Judgement."""
CUT_SHARE = 0.1
"""So many of the hours that tell what is usual are cut to what the others reach. An outage of two hours has three of
84, so two of them in a month still leave the rest as it was. Judgement."""


def hour_of(moment: datetime) -> datetime:
    """The start of the hour, UTC."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def ensure_profile(connection: Connection, now: datetime) -> None:
    """Make the baselines of this hour unless they are there already."""
    made_for = connection.execute(text("select made_for from auth_profile_state")).scalar_one()
    if made_for != hour_of(now):
        refresh_profile(connection, now)


def refresh_profile(connection: Connection, now: datetime) -> None:
    """Summarise what changed and make the baselines of this hour, as the system role."""
    connection.execute(text("select pg_advisory_xact_lock(:k)"), {"k": LOCK})
    hour = hour_of(now)
    unknown.rebuild(connection, _take_stale(connection, "hour", hour))
    unknown.sum_recent(connection, hour)
    unknown.profile(connection, hour)
    _profile_counts(connection, hour)
    _profile_faults(connection, hour)
    _count_active(connection, now)
    connection.execute(text("update auth_profile_state set made_for = :h"), {"h": hour})


def _take_stale(connection: Connection, what: str, before: datetime) -> list[datetime]:
    return list(
        connection.execute(
            text("delete from auth_stale where what = :w and bucket < :b returning bucket"), {"w": what, "b": before}
        ).scalars()
    )


def _profile_counts(connection: Connection, hour: datetime) -> None:
    hours = [hour - HOUR, hour, hour + HOUR]
    samples = [h - timedelta(days=7 * week) for h in hours for week in range(1, 5)]
    with cursor_of(connection) as cursor:
        cursor.execute("delete from auth_metric_profile")
        cursor.execute(sql("profile_counts"), {"hours": hours, "samples": samples})


def _profile_faults(connection: Connection, hour: datetime) -> None:
    samples = [hour - timedelta(days=day) + near for day in range(1, 29) for near in (-HOUR, HOUR * 0, HOUR)]
    with cursor_of(connection) as cursor:
        cursor.execute("delete from auth_fault_profile")
        cursor.execute(
            sql("profile_faults"),
            {
                "hour": hour,
                "samples": samples,
                "types": list(COUNTED),
                "failures": list(FAILED),
                "least": ALWAYS_COUNTED,
                "share": CUT_SHARE,
            },
        )


def _count_active(connection: Connection, now: datetime) -> None:
    """Distinct users with a success in 30 days, per tenant; only days that changed are read again."""
    oldest = now - ACTIVE
    for day in _take_stale(connection, "day", now + timedelta(days=1)):
        if day >= oldest - timedelta(days=1):
            _summarise_day(connection, day)
    unions: dict[str, Union] = {}
    rows = connection.execute(
        text("select tenant_id, users from auth_active_days where day >= :d and day <= :today"),
        {"d": oldest.astimezone(UTC).date(), "today": now.astimezone(UTC).date()},
    )
    for tenant, users in rows:
        unions.setdefault(tenant, Union()).add(users)
    if unions:
        connection.execute(
            text("update auth_tenant set active_users = :n where tenant_id = :t and active_users <> :n"),
            [{"t": tenant, "n": union.count} for tenant, union in sorted(unions.items())],
        )


def _summarise_day(connection: Connection, day: datetime) -> None:
    users: dict[str, list[str]] = {}
    with cursor_of(connection) as cursor:
        for tenant, user in cursor.execute(
            "select tenant_id, user_id from auth_ops_logs where occurred_at >= %s and occurred_at < %s "
            "and type = 'login_succeeded' and user_id is not null and not synthetic group by 1, 2",
            [day, day + timedelta(days=1)],
        ):
            users.setdefault(tenant, []).append(user)
        cursor.executemany(
            "insert into auth_active_days values (%s, %s, %s) "
            "on conflict(day, tenant_id) do update set users = excluded.users",
            [(day.date(), tenant, sketch(found)) for tenant, found in sorted(users.items())],
        )
