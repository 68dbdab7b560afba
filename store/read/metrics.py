"""What a tenant's events are like now: counts of a window by type, what is usual of them, and how far they reach."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

EXACT = timedelta(hours=1)
"""Up to this long users and addresses are counted one by one."""
_COUNTED = """
    select bucket, type, n from auth_metric_minutes where bucket >= :since and bucket <= :until
    union all select bucket, type, n from auth_metric_delta where bucket >= :since and bucket <= :until"""
_COUNTS = text(f"select type, sum(n)::bigint as n from ({_COUNTED}) as c group by type order by type")  # noqa: S608
_SERIES = text(
    f"select date_bin(:step, bucket, :since) as at, type, sum(n)::bigint as n from ({_COUNTED}) as c"  # noqa: S608
    " group by 1, 2 order by 1, 2"
)
_USUAL = text("select type, median, weeks from auth_metric_profile where hour = date_trunc('hour', :until, 'UTC')")
_DISTINCT = text("""
    select count(distinct user_id) as users, count(distinct ip) as addresses from auth_ops_logs
    where occurred_at > :since and occurred_at <= :until and not synthetic""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """One window of one tenant."""

    since: datetime
    until: datetime
    by_type: dict[str, int]
    usual_per_hour: dict[str, float]
    """Median of the same hour of the week over 28 days; types without a week of history are missing."""
    users: int | None
    """Distinct users; None = the window is longer than an hour."""
    addresses: int | None
    watermark: datetime | None
    """When the latest event occurred; None = there is none."""


def counts(connection: Connection, since: datetime, until: datetime) -> Counts:
    """The tenant's events of the minutes from `since` to `until`; events of drills are not among them."""
    span = {"since": since, "until": until}
    one = None
    if until - since <= EXACT:
        one = connection.execute(_DISTINCT, span).one()
    return Counts(
        since=since,
        until=until,
        by_type={row.type: row.n for row in connection.execute(_COUNTS, span)},
        usual_per_hour={row.type: row.median for row in connection.execute(_USUAL, span)},
        users=one.users if one else None,
        addresses=one.addresses if one else None,
        watermark=connection.execute(text("select max(watermark) from auth_tenant")).scalar_one(),
    )


def series(connection: Connection, since: datetime, until: datetime, step: timedelta) -> list[dict[str, Any]]:
    """The same counts in steps: at (start of the step), type, n; steps without events are missing."""
    return [dict(row) for row in connection.execute(_SERIES, {"since": since, "until": until, "step": step}).mappings()]
