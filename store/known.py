"""Who and what was good before: users and addresses with a success in the 30 days before an attack."""
# ruff: noqa: S608 - only the constants of store/reach.py are put into its SQL

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, text

from spine.attribute import LOGINS
from spine.case import Usual
from spine.detect.trust import known_good
from spine.event_type import EventType
from spine.family import FAMILIES, Family
from spine.reach import Reach
from store.named import sql
from store.reach import bound, reached, user_of
from store.stage import cursor_of

_DAYS = timedelta(days=30)
_DAY_OF_EVERYBODY = timedelta(days=1)
"""Of all tenants together a month would be too much to read while an incident waits. Judgement."""
_ENTERED = """
select distinct host(ip), {user} from auth_ops_logs
where {reached} and type = any(%(types)s) and occurred_at >= %(since)s and occurred_at < %(until)s
  and {user} = any(%(users)s)"""
_WAYS = """
select {user}, array_agg(distinct coalesce(provider, 'password')) from auth_ops_logs
where {reached} and type in ('login_succeeded', 'oauth_callback_ok') and occurred_at >= %(since)s
  and occurred_at < %(until)s and {user} = any(%(users)s)
group by 1"""


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
    reach: Reach,
    moment: datetime,
    *,
    users: Collection[str],
    addresses: Collection[str],
    family: Family = FAMILIES[LOGINS],
) -> Known:
    """What of those given was good in the 30 days before `moment`; of all tenants together, in the day before.

    What an attacker hit before anybody noticed makes his address no home. Scans the tenant's days; for a diagnosis,
    not for a tick.
    """
    span = {**bound(reach), "since": moment - _days(reach), "until": moment}
    with cursor_of(connection) as cursor:
        types = sorted({EventType.LOGIN_SUCCEEDED.value, *(t.value for t in family.successes)})
        entered = cursor.execute(_asked(_ENTERED, reach), span | {"users": list(users), "types": types}).fetchall()
        lived = cursor.execute(
            sql("known_addresses").replace("{reached}", reached(reach)), span | {"addresses": list(addresses)}
        ).fetchall()
    homes = {ip for ip, tried, got_in, early in lived if known_good(tried=tried, entered=got_in, early=early)}
    wanted = set(addresses)
    return Known({user for _, user in entered}, homes & wanted, {pair for pair in entered if pair[0] in wanted})


def ways_in(connection: Connection, reach: Reach, now: datetime, users: Collection[str]) -> dict[str, frozenset[str]]:
    """By which providers each of `users` got in within 30 days (a day, of all tenants together); "password" where
    the event names none."""
    span = {**bound(reach), "since": now - _days(reach), "until": now}
    with cursor_of(connection) as cursor:
        rows = cursor.execute(_asked(_WAYS, reach), span | {"users": list(users)}).fetchall()
    return {user: frozenset(providers) for user, providers in rows}


def usual(connection: Connection, reach: Reach, now: datetime, family: Family = FAMILIES[LOGINS]) -> Usual:
    """What this hour of the week is like without an attack, from the seasonal profile; of a drill nothing is known."""
    if reach.drill is not None:
        return Usual()
    medians = {
        row.type: float(row.median)
        for row in connection.execute(
            text(
                "select type, sum(median) as median from (select distinct on (tenant_id, type) type, median"
                " from auth_metric_profile where (cast(:tenant as text) is null or tenant_id = :tenant)"
                " and weeks > 0 and type = any(:types)"
                " and hour <= :now and hour > :now - interval '2 hours'"
                " order by tenant_id, type, hour desc) latest group by type"
            ),
            {
                "tenant": reach.tenant, "now": now,
                "types": [t.value for t in (*family.failures, *family.successes, *family.along)],
            },
        )
    }  # fmt: skip
    if not any(t.value in medians for t in (*family.failures, *family.successes)):
        return Usual(per_hour=medians)
    failed = float(sum(medians.get(t.value, 0.0) for t in family.failures))
    worked = float(sum(medians.get(t.value, 0.0) for t in family.successes))
    total = failed + worked
    return Usual(failures_per_hour=failed, success_rate=worked / total if total else None, per_hour=medians)


def watermark(connection: Connection, reach: Reach) -> datetime | None:
    """How far the events reach, of all tenants the furthest; None = there are none."""
    if reach.drill is not None:
        asked = f"select max(occurred_at) from auth_ops_logs where {reached(reach)}"
    else:
        asked = "select max(watermark) from auth_tenant where %(tenant)s::text is null or tenant_id = %(tenant)s"
    with cursor_of(connection) as cursor:
        found: datetime | None = (cursor.execute(asked, bound(reach)).fetchone() or (None,))[0]
    return found


def _asked(query: str, reach: Reach) -> str:
    return query.format(reached=reached(reach), user=user_of(reach))


def _days(reach: Reach) -> timedelta:
    return _DAYS if reach.tenant is not None else _DAY_OF_EVERYBODY
