"""The unknown-users measure at this moment: closed hours from their sums, the running hour from its logins."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg import Cursor
from sqlalchemy import Connection

from spine.detect.frames import COLUMNS
from store.sketch import Union
from store.stage import cursor_of

_COLUMN = {name: number for number, name in enumerate([*COLUMNS["logins"], "known"])}
_MOMENTS = """
select p.* from auth_unknown_profile p join auth_tenant t using (tenant_id)
where t.first_at <= %(now)s - interval '7 days'"""
Rows = Sequence[tuple[Any, ...]]
Usual = dict[str, tuple[float, float]]
"""Mean and variance of the users from unknown addresses in this hour, by window (15m, 1h, 6h, 24h)."""


@dataclass(slots=True)
class _Tried:
    """Failures of one tenant in the last 60 minutes, from addresses where nobody lives."""

    users_15m: set[str] = field(default_factory=set)
    users: set[str] = field(default_factory=set)
    users_this_hour: set[str] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)
    addresses_this_hour: set[str] = field(default_factory=set)
    failures: int = 0
    failures_this_hour: int = 0

    def add(self, row: tuple[Any, ...], hour: int) -> None:
        user, ip, failures = row[_COLUMN["user_id"]], row[_COLUMN["ip"]], row[_COLUMN["fail_60m"]]
        named = set() if user is None else {user}
        self.users |= named
        self.addresses.add(ip)
        self.failures += failures
        if row[_COLUMN["fail_15m"]]:
            self.users_15m |= named
        if row[_COLUMN["last_fail"]] >= hour:
            self.users_this_hour |= named
            self.addresses_this_hour.add(ip)
            self.failures_this_hour += failures


def unknown_rows(cursor: Cursor[tuple[Any, ...]], now: datetime, hour: datetime, logins: Rows) -> list[tuple[Any, ...]]:
    """Rows of the frame `unknown`, from the rows of store/sql/tick_logins.sql."""
    start = round(hour.timestamp()) * 1_000_000
    tried: dict[str, _Tried] = {}
    for row in logins:
        stranger = not row[_COLUMN["known"]] and not row[_COLUMN["at_home"]]
        if row[_COLUMN["fail_60m"]] and stranger and not row[_COLUMN["synthetic"]]:
            tried.setdefault(row[0], _Tried()).add(row, start)
    recent = {row[0]: row[1:] for row in cursor.execute("select * from auth_unknown_recent").fetchall()}
    moments = {row[0]: row[1:] for row in cursor.execute(_MOMENTS, {"now": now}).fetchall()}
    return [
        (tenant, *_counts(tried.get(tenant, _Tried()), recent.get(tenant)), *_spread(moments.get(tenant)))
        for tenant in sorted(tried.keys() | recent.keys())
    ]


def usual_users(connection: Connection, now: datetime) -> dict[str, Usual]:
    """What is usual of each tenant that has history."""
    with cursor_of(connection) as cursor:
        rows = cursor.execute(_MOMENTS, {"now": now}).fetchall()
    return {row[0]: _by_window(_spread(row[1:])) for row in rows}


def _by_window(spread: list[float]) -> Usual:
    return dict(zip(("15m", "1h", "6h", "24h"), zip(spread[::2], spread[1::2], strict=True), strict=True))


def _counts(tried: _Tried, recent: tuple[Any, ...] | None) -> list[int]:
    """users_15m, 1h, 6h, 24h, addresses_1h, 24h, failures_1h, 24h."""
    users, addresses = len(tried.users), len(tried.addresses)
    users_6h = users_24h = users
    addresses_24h, failures_24h = addresses, tried.failures
    if recent is not None:
        sketch_5h, sketch_23h, sketch_addresses, n_5h, n_23h, n_addresses, failures_23h = recent
        users_6h = max(users, _merged(sketch_5h, n_5h, tried.users_this_hour))
        users_24h = max(users_6h, _merged(sketch_23h, n_23h, tried.users_this_hour))
        addresses_24h = max(addresses, _merged(sketch_addresses, n_addresses, tried.addresses_this_hour))
        failures_24h = max(tried.failures, failures_23h + tried.failures_this_hour)
    return [
        len(tried.users_15m), users, users_6h, users_24h,
        addresses, addresses_24h, tried.failures, failures_24h,
    ]  # fmt: skip


def _merged(part: bytes, count: int, values: set[str]) -> int:
    if not values:
        return count
    union = Union(part)
    union.add_values(values)
    return union.count


def _spread(moments: tuple[float, ...] | None) -> list[float]:
    """Mean and variance of 15 m, 1 h, 6 h, 24 h. The quarter hour follows from the hour: a quarter of the
    mean, and the same shape of the negative binomial."""
    if moments is None:
        return [math.nan] * 8
    mean, variance = moments[:2]
    quarter = mean / 4
    return [quarter, quarter + max(variance - mean, 0) / 16, *moments]
