"""Raw events, for those who need them as they were: the blast radius and verification."""
# ruff: noqa: S608 - only the constants of store/reach.py are put into its SQL

from collections.abc import Sequence
from datetime import datetime

import pandas as pd
from sqlalchemy import Connection, text

from spine.decision.blast import COLUMNS, DETAILS
from spine.event import LOGIN_FAMILY
from spine.family import Family
from spine.ids import TenantId
from spine.reach import Reach
from store.reach import bound, reached, user_of
from store.stage import cursor_of


def recent_logins(connection: Connection, tenant: TenantId, since: datetime, until: datetime) -> pd.DataFrame:
    """Login-family events with `since` <= occurred_at < `until`, oldest first, drills left out.

    Columns: id, type, occurred_at (UTC), user_id, ip, country, user_agent (str | None).
    """
    with cursor_of(connection) as cursor:
        rows = cursor.execute(
            "select id, type, occurred_at, user_id, host(ip), country, user_agent from auth_ops_logs "
            "where tenant_id = %(tenant)s and occurred_at >= %(since)s and occurred_at < %(until)s "
            "and type = any(%(types)s) and not synthetic order by occurred_at, id",
            {"tenant": tenant, "since": since, "until": until, "types": [t.value for t in LOGIN_FAMILY]},
        ).fetchall()
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    frame["occurred_at"] = pd.to_datetime(frame["occurred_at"], utc=True).astype("datetime64[us, UTC]")
    return frame


def recent_events(
    connection: Connection, reach: Reach, family: Family, since: datetime, until: datetime
) -> pd.DataFrame:
    """Events of `family` that `reach` means, with `since` <= occurred_at < `until`, oldest first.

    Columns: those of `recent_logins`, then provider, resource_tenant_id, session_id, kid, service (str | None) and
    attributes (of the types whose attributes the family reads; else None).
    """
    with cursor_of(connection) as cursor:
        rows = cursor.execute(
            f"select id, type, occurred_at, {user_of(reach)}, host(ip), country, user_agent, provider, "
            "resource_tenant_id, session_id, "
            "attributes->>'kid', attributes->>'service', case when type = any(%(told)s) then attributes end "
            "from auth_ops_logs "
            f"where {reached(reach)} and occurred_at >= %(since)s and occurred_at < %(until)s "
            "and type = any(%(types)s) order by occurred_at, id",
            {
                **bound(reach), "since": since, "until": until, "types": [t.value for t in family.read],
                "told": [t.value for t in family.detailed],
            },
        ).fetchall()  # fmt: skip
    frame = pd.DataFrame(rows, columns=[*COLUMNS, *DETAILS])
    frame["occurred_at"] = pd.to_datetime(frame["occurred_at"], utc=True).astype("datetime64[us, UTC]")
    return frame


def login_counts(
    connection: Connection,
    tenant: TenantId,
    since: datetime,
    until: datetime,
    addresses: Sequence[str] | None = None,
) -> dict[str, int]:
    """Login-family events by type, with `since` <= occurred_at < `until`, drills left out.

    `addresses` limits the count to these addresses or networks ("203.0.113.7", "203.0.113.0/24"). Types that
    did not occur are there with 0.
    """
    counted = connection.execute(
        text(
            "select type, count(*) from auth_ops_logs where tenant_id = :tenant and occurred_at >= :since "
            "and occurred_at < :until and type = any(:types) and not synthetic "
            "and (cast(:networks as inet[]) is null or ip <<= any(cast(:networks as inet[]))) group by type"
        ),
        {
            "tenant": tenant, "since": since, "until": until, "types": [t.value for t in LOGIN_FAMILY],
            "networks": None if addresses is None else list(addresses),
        },
    ).tuples()  # fmt: skip
    return {t.value: 0 for t in LOGIN_FAMILY} | dict(counted.all())
