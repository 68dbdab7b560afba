"""What a chart of one tenant's events needs: how many there were in each step, and how many are usual."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from spine.event_type import EventType

_HOUR = timedelta(hours=1)
_COUNTS = text("""
    select date_bin(:step, bucket, :since) as at, sum(n)::bigint as n from (
      select bucket, n from auth_metric_minutes where bucket >= :since and bucket < :until and type = any(:types)
      union all
      select bucket, n from auth_metric_delta where bucket >= :since and bucket < :until and type = any(:types)
    ) as counted group by 1""")
_USUAL = text("""
    select hour, percentile_cont(0.5) within group (order by past.n) as median
    from generate_series(date_trunc('hour', cast(:since as timestamptz), 'UTC'), :until, interval '1 hour') as hour
    cross join generate_series(1, 4) as week
    cross join lateral (
      select coalesce(sum(n), 0) as n from auth_metric_hours
      where bucket = hour - week * interval '7 days' and type = any(:types)) as past
    where hour - week * interval '7 days' >= (select min(first_at) from auth_tenant)
    group by hour order by hour""")


@dataclass(frozen=True, slots=True)
class Series:
    """Events of some types from `since` on, one number a step."""

    since: datetime
    step: timedelta
    counts: tuple[int, ...]
    usual: tuple[float | None, ...]
    """A step's share of the median of the same hour of the week over 28 days; None = under a week of history."""

    @property
    def until(self) -> datetime:
        """The end of the last step."""
        return self.since + self.step * len(self.counts)


def series(
    connection: Connection, types: Collection[EventType], since: datetime, until: datetime, step: timedelta
) -> Series:
    """The tenant's events of `types`, from whole minutes; those of drills are not counted. The steps fill the hours
    evenly, and begin at a whole one of them."""
    first = since - (since - since.replace(minute=0, second=0, microsecond=0)) % step
    span = {"since": first, "until": until, "types": [kind.value for kind in types], "step": step}
    found = {row.at: row.n for row in connection.execute(_COUNTS, span)}
    medians = {row.hour: float(row.median) for row in connection.execute(_USUAL, span)}
    times = [first + step * k for k in range(-(-(until - first) // step))]
    usual = [medians.get(at.replace(minute=0, second=0, microsecond=0)) for at in times]
    return Series(
        since=first, step=step, counts=tuple(int(found.get(at, 0)) for at in times),
        usual=tuple(None if hour is None else hour * (step / _HOUR) for hour in usual),
    )  # fmt: skip
