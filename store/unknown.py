"""Distinct users with failed logins from addresses where nobody lives: the measure that finds slow sprays.

Each closed hour is summarised once from its raw events into sketches, and again when late rows arrive; ticks
read the sums only. An address is unknown for a failure when no login from it succeeded before that, nor within
ten minutes after (somebody who mistypes on a new phone is no attacker), or when by now most users who tried from
it failed (an attacker's hits make him no neighbour).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import Connection

from store.named import sql
from store.sketch import Union, sketch
from store.stage import cursor_of

HOUR = timedelta(hours=1)
HISTORY = timedelta(days=28)
WINDOWS = (1, 6, 24)
_CHUNK_HOURS = 24
_CLIP = 95
"""Percentile at which a tenant's past is cut: an old attack must not hide the next one. Judgement."""
Cell = dict[datetime, tuple[bytes, bytes, int]]
"""Per hour: sketch of users, sketch of addresses, failures."""
_WINDOWS = """
insert into auth_unknown_hours
select hour, tenant_id, 0, null, null, users_1h, users_6h, users_24h
from unnest(%s::timestamptz[], %s::text[], %s::int[], %s::int[], %s::int[])
  as w(hour, tenant_id, users_1h, users_6h, users_24h)
on conflict(hour, tenant_id) do update
set users_1h = excluded.users_1h, users_6h = excluded.users_6h, users_24h = excluded.users_24h"""


def rebuild(connection: Connection, hours: Iterable[datetime]) -> None:
    """Summarise these closed hours again, and the windows they are part of."""
    for chunk in _chunks(sorted(hours)):
        _rebuild_cells(connection, chunk)
        _rebuild_windows(connection, chunk)


def sum_recent(connection: Connection, hour: datetime) -> None:
    """Sum up the closed hours before `hour` for the tick."""
    rows = []
    for tenant, cells in _load(connection, hour - 23 * HOUR, hour).items():
        short = Union(*(users for at, (users, _, _) in cells.items() if at >= hour - 5 * HOUR))
        long = Union(*(users for users, _, _ in cells.values()))
        addresses = Union(*(ips for _, ips, _ in cells.values()))
        failures = sum(n for _, _, n in cells.values())
        rows.append(
            (tenant, short.serialize(), long.serialize(), addresses.serialize(), short.count, long.count,
             addresses.count, failures)
        )  # fmt: skip
    with cursor_of(connection) as cursor:
        cursor.execute("delete from auth_unknown_recent")
        cursor.executemany("insert into auth_unknown_recent values (%s, %s, %s, %s, %s, %s, %s, %s)", rows)


def profile(connection: Connection, hour: datetime) -> None:
    """Mean and variance of each window at this hour of the day and one hour around it, over 28 days."""
    slots = [hour - HOUR * h for h in range(1, int(HISTORY / HOUR) + 1) if h % 24 in (23, 0, 1)]
    rows = []
    with cursor_of(connection) as cursor:
        samples: defaultdict[str, list[Any]] = defaultdict(list)
        for tenant, *users in cursor.execute(
            "select tenant_id, users_1h, users_6h, users_24h from auth_unknown_hours where hour = any(%s)", [slots]
        ).fetchall():
            samples[tenant].append(users)
        for tenant, first in cursor.execute(
            "select tenant_id, date_trunc('hour', first_at, 'UTC') from auth_tenant"
        ).fetchall():
            length = sum(slot >= first for slot in slots)
            if length:
                rows.append((tenant, *_moments(samples[tenant], length)))
        cursor.execute("delete from auth_unknown_profile")
        cursor.executemany("insert into auth_unknown_profile values (%s, %s, %s, %s, %s, %s, %s)", rows)


def _moments(found: list[list[int]], length: int) -> list[float]:
    """Mean and variance of each window; hours without a row are zeros."""
    values = np.zeros((max(length, len(found)), len(WINDOWS)))
    if found:
        values[: len(found)] = found
    values = np.minimum(values, np.percentile(values, _CLIP, axis=0))
    variances = values.var(axis=0, ddof=1) if len(values) > 1 else np.zeros(len(WINDOWS))
    return [float(x) for pair in zip(values.mean(axis=0), variances, strict=True) for x in pair]


def _chunks(hours: list[datetime]) -> Iterator[list[datetime]]:
    """Neighbouring hours together, a day at most."""
    chunk: list[datetime] = []
    for hour in hours:
        if chunk and hour - chunk[0] >= _CHUNK_HOURS * HOUR:
            yield chunk
            chunk = []
        chunk.append(hour)
    if chunk:
        yield chunk


def _rebuild_cells(connection: Connection, hours: list[datetime]) -> None:
    wanted = set(hours)
    users: defaultdict[tuple[datetime, str], set[str]] = defaultdict(set)
    addresses: defaultdict[tuple[datetime, str], set[str]] = defaultdict(set)
    failures: defaultdict[tuple[datetime, str], int] = defaultdict(int)
    with cursor_of(connection) as cursor:
        span = {"since": hours[0], "until": hours[-1] + HOUR}
        for hour, tenant, user, ip, n in cursor.execute(sql("unknown_cells"), span):
            if hour in wanted:
                key = hour, tenant
                failures[key] += n
                addresses[key].add(ip)
                if user is not None:
                    users[key].add(user)
        cursor.execute(
            "update auth_unknown_hours set failures = 0, users = null, addresses = null where hour = any(%s)", [hours]
        )
        cursor.executemany(
            "insert into auth_unknown_hours values (%s, %s, %s, %s, %s, 0, 0, 0) on conflict(hour, tenant_id) "
            "do update set failures = excluded.failures, users = excluded.users, addresses = excluded.addresses",
            [(*key, n, sketch(users[key]), sketch(addresses[key])) for key, n in sorted(failures.items())],
        )


def _rebuild_windows(connection: Connection, hours: list[datetime]) -> None:
    """Distinct users of the 1, 6 and 24 h that end with each hour that these hours are part of."""
    first, last = hours[0], hours[-1] + 23 * HOUR
    ends = [first + HOUR * h for h in range(int((last - first) / HOUR) + 1)]
    rows = []
    for tenant, cells in _load(connection, first - 23 * HOUR, last + HOUR).items():
        counts = zip(*(_rolling(cells, ends, window) for window in WINDOWS), strict=True)
        rows += [(end, tenant, *found) for end, found in zip(ends, counts, strict=True) if any(found)]
    columns = [list(column) for column in zip(*rows, strict=True)] or [[]] * 5
    with cursor_of(connection) as cursor:
        cursor.execute(
            "update auth_unknown_hours set users_1h = 0, users_6h = 0, users_24h = 0 where hour between %s and %s",
            [first, last],
        )
        cursor.execute(_WINDOWS, columns)


def _rolling(cells: Cell, ends: list[datetime], window: int) -> list[int]:
    """Distinct users of the `window` hours up to each end; hours without failures cost nothing."""
    counts: list[int] = []
    before: list[datetime] = []
    for end in ends:
        present = [at for h in range(window) if (at := end - HOUR * h) in cells]
        if present == before and counts:
            counts.append(counts[-1])
        else:
            counts.append(Union(*(cells[at][0] for at in present)).count if present else 0)
        before = present
    return counts


def _load(connection: Connection, since: datetime, until: datetime) -> dict[str, Cell]:
    loaded: defaultdict[str, Cell] = defaultdict(dict)
    with cursor_of(connection) as cursor:
        rows: Any = cursor.execute(
            "select tenant_id, hour, users, addresses, failures from auth_unknown_hours "
            "where hour >= %s and hour < %s and users is not null",
            [since, until],
        )
        for tenant, hour, users, addresses, failures in rows:
            loaded[tenant][hour] = users, addresses, failures
    return loaded
