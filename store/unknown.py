"""Distinct users with failed logins from addresses that never succeeded: the measure that finds slow sprays.

Each closed hour is summarised once from its raw events into sketches, and again when late rows arrive; ticks
read the sums only. An address is unknown for a failure when no login from it succeeded before that, nor within
ten minutes after (somebody who mistypes on a new phone is no attacker).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection, text

from store.named import sql
from store.sketch import Union, sketch
from store.stage import cursor_of

HOUR = timedelta(hours=1)
HISTORY = timedelta(days=28)
WINDOWS = (1, 6, 24)
_CHUNK_HOURS = 24
_CLIP = 95
"""Percentile at which a tenant's past is cut: an old attack must not hide the next one. Judgement."""
Cells = dict[str, dict[datetime, tuple[bytes, bytes, int]]]
"""Per tenant and hour: sketch of users, sketch of addresses, failures."""


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
    samples = pd.DataFrame(
        connection.execute(
            text("select hour, tenant_id, users_1h, users_6h, users_24h from auth_unknown_hours where hour = any(:s)"),
            {"s": slots},
        ).tuples(),
        columns=["hour", "tenant_id", *(f"users_{w}h" for w in WINDOWS)],
    )
    starts = dict(
        connection.execute(text("select tenant_id, date_trunc('hour', first_at, 'UTC') from auth_tenant"))
        .tuples()
        .all()
    )
    rows = []
    for tenant, first in starts.items():
        length = sum(slot >= first for slot in slots)
        if length:
            rows.append((tenant, *_moments(samples[samples["tenant_id"] == tenant], length)))
    with cursor_of(connection) as cursor:
        cursor.execute("delete from auth_unknown_profile")
        cursor.executemany("insert into auth_unknown_profile values (%s, %s, %s, %s, %s, %s, %s)", rows)


def _moments(found: pd.DataFrame, length: int) -> list[float]:
    """Mean and variance of each window; hours without a row are zeros."""
    moments = []
    for window in WINDOWS:
        values = np.zeros(length)
        values[: len(found)] = found[f"users_{window}h"].to_numpy()[:length]
        values = np.minimum(values, np.percentile(values, _CLIP))
        moments += [float(values.mean()), float(values.var(ddof=1)) if length > 1 else 0.0]
    return moments


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
        for end in ends:
            counts = [_count(cells, end, window) for window in WINDOWS]
            rows.append((end, tenant, *counts))
    with cursor_of(connection) as cursor:
        cursor.executemany(
            "insert into auth_unknown_hours values (%s, %s, 0, null, null, %s, %s, %s) on conflict(hour, tenant_id) "
            "do update set users_1h = excluded.users_1h, users_6h = excluded.users_6h, users_24h = excluded.users_24h",
            rows,
        )


def _count(cells: dict[datetime, tuple[bytes, bytes, int]], end: datetime, window: int) -> int:
    parts = [cells[at][0] for h in range(window) if (at := end - HOUR * h) in cells]
    return Union(*parts).count if parts else 0


def _load(connection: Connection, since: datetime, until: datetime) -> Cells:
    loaded: Cells = defaultdict(dict)
    with cursor_of(connection) as cursor:
        rows: Any = cursor.execute(
            "select tenant_id, hour, users, addresses, failures from auth_unknown_hours "
            "where hour >= %s and hour < %s and users is not null",
            [since, until],
        )
        for tenant, hour, users, addresses, failures in rows:
            loaded[tenant][hour] = users, addresses, failures
    return loaded
