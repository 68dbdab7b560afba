"""Who and what was good before: users and addresses with a success in the 30 days before an attack."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, text

from spine.attribute import LOGINS
from spine.case import Usual
from spine.detect.trust import known_good
from spine.event_type import EventType
from spine.family import FAMILIES, Family
from spine.ids import TenantId
from store.named import sql
from store.stage import cursor_of

_DAYS = timedelta(days=30)
_ENTERED = """
select distinct host(ip), user_id from auth_ops_logs
where tenant_id = %(tenant)s and type = any(%(types)s) and occurred_at >= %(since)s and occurred_at < %(until)s
  and not synthetic and user_id = any(%(users)s)"""


_WAYS = """
select user_id, array_agg(distinct coalesce(provider, 'password')) from auth_ops_logs
where tenant_id = %(tenant)s and type in ('login_succeeded', 'oauth_callback_ok') and occurred_at >= %(since)s
  and occurred_at < %(until)s and not synthetic and user_id = any(%(users)s)
group by user_id"""


class Known(NamedTuple):
    """Who and what was good before a moment."""

    users: set[str]
    """With a login, or another attempt of the family, that worked."""
    addresses: set[str]
    """Where people lived (spine/detect/trust.py)."""
    residents: set[tuple[str, str]]
    """Addresses, each with a user who got in from it."""


def known_before(
    connection: Connection,
    tenant: TenantId,
    moment: datetime,
    *,
    users: Collection[str],
    addresses: Collection[str],
    family: Family = FAMILIES[LOGINS],
) -> Known:
    """What of those given was good in the 30 days before `moment`.

    What an attacker hit before anybody noticed makes his address no home. Scans the tenant's days; for a diagnosis,
    not for a tick.
    """
    span = {"tenant": tenant, "since": moment - _DAYS, "until": moment}
    with cursor_of(connection) as cursor:
        types = sorted({EventType.LOGIN_SUCCEEDED.value, *(t.value for t in family.successes)})
        entered = cursor.execute(_ENTERED, span | {"users": list(users), "types": types}).fetchall()
        lived = cursor.execute(sql("known_addresses"), span | {"addresses": list(addresses)}).fetchall()
    homes = {ip for ip, tried, got_in, early in lived if known_good(tried=tried, entered=got_in, early=early)}
    wanted = set(addresses)
    return Known({user for _, user in entered}, homes & wanted, {pair for pair in entered if pair[0] in wanted})


def ways_in(
    connection: Connection, tenant: TenantId, now: datetime, users: Collection[str]
) -> dict[str, frozenset[str]]:
    """By which providers each of `users` got in within 30 days; "password" where the event names none."""
    with cursor_of(connection) as cursor:
        rows = cursor.execute(
            _WAYS, {"tenant": tenant, "since": now - _DAYS, "until": now, "users": list(users)}
        ).fetchall()
    return {user: frozenset(providers) for user, providers in rows}


def usual(connection: Connection, tenant: TenantId, now: datetime, family: Family = FAMILIES[LOGINS]) -> Usual:
    """What this hour of the week is like without an attack, from the seasonal profile."""
    medians = {
        row.type: row.median
        for row in connection.execute(
            text(
                "select distinct on (type) type, median from auth_metric_profile where tenant_id = :tenant"
                " and weeks > 0 and type = any(:types)"
                " and hour <= :now and hour > :now - interval '2 hours'"
                " order by type, hour desc"
            ),
            {"tenant": tenant, "now": now, "types": [t.value for t in (*family.failures, *family.successes)]},
        )
    }
    if not medians:
        return Usual()
    failed = float(sum(medians.get(t.value, 0.0) for t in family.failures))
    worked = float(sum(medians.get(t.value, 0.0) for t in family.successes))
    total = failed + worked
    return Usual(failures_per_hour=failed, success_rate=worked / total if total else None)


def watermark(connection: Connection, tenant: TenantId) -> datetime | None:
    """How far the tenant's events reach; None = it has none."""
    found: datetime | None = connection.execute(
        text("select watermark from auth_tenant where tenant_id = :tenant"), {"tenant": tenant}
    ).scalar_one_or_none()
    return found
