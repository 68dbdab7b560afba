"""Questions a diagnosis asks of the events. Each reads the tenant's days once; drills are left out."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from spine.event import EventType
from spine.ids import TenantId

_PAST = timedelta(days=30)
_ENTRIES = """
with logins as (
  select ip, user_id, type = 'login_succeeded' as ok, occurred_at from auth_ops_logs
  where tenant_id = :tenant and occurred_at >= :past and occurred_at < :until and not synthetic
    and type in ('login_succeeded', 'login_failed', 'login_throttled', 'login_blocked')
    and ip = any(cast(:ips as inet[]))
),
tries as (select * from logins where occurred_at >= :since),
began as (select ip, min(occurred_at) as at from tries where not ok group by ip),
homes as (select distinct ip, user_id from logins where ok and occurred_at < :since),
failed as (select distinct ip, user_id from tries where not ok)
select host(t.ip) as ip, t.user_id, min(t.occurred_at) as entered_at,
  (t.ip, t.user_id) in (select * from failed) as had_failed, (t.ip, t.user_id) in (select * from homes) as resident
from tries t join began b on b.ip = t.ip and t.occurred_at > b.at
where t.ok and t.user_id is not null group by t.ip, t.user_id order by entered_at, t.ip, t.user_id"""
_RELEASES = """
select nullif(attributes->>'release', '') as release, count(*) filter (where type = :failed) as failed,
  count(*) filter (where type = :succeeded) as succeeded
from auth_ops_logs
where tenant_id = :tenant and occurred_at >= :since and occurred_at < :until and not synthetic
  and type in (:failed, :succeeded)
group by 1 order by count(*) desc, 1 nulls last limit :most"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A user who got in from an address after that address had failed."""

    ip: str
    user_id: str
    entered_at: datetime
    had_failed: bool
    """The same user had failed from there, too: tried until it worked."""
    resident: bool
    """The user had logged in from there in the 30 days before `since`."""


@dataclass(frozen=True, slots=True)
class Share:
    """What one release of the application did; None = events that name no release."""

    release: str | None
    failed: int
    succeeded: int

    @property
    def n(self) -> int:
        """All of its attempts."""
        return self.failed + self.succeeded


def entries_after_failures(
    connection: Connection, tenant: TenantId, since: datetime, until: datetime, addresses: Collection[str]
) -> list[Entry]:
    """Who got in from one of `addresses` after its first failure since `since`, each once, earliest first."""
    rows = connection.execute(
        text(_ENTRIES),
        {"tenant": tenant, "since": since, "until": until, "past": since - _PAST, "ips": sorted(addresses)},
    )
    return [Entry(**row) for row in rows.mappings()]


def by_release(
    connection: Connection,
    tenant: TenantId,
    since: datetime,
    until: datetime,
    *,
    failed: EventType,
    succeeded: EventType,
    most: int = 100,
) -> list[Share]:
    """Failures and successes of each release, the `most` busiest, busiest first."""
    rows = connection.execute(
        text(_RELEASES),
        {"tenant": tenant, "since": since, "until": until, "failed": failed.value, "succeeded": succeeded.value,
         "most": most},
    )  # fmt: skip
    return [Share(**row) for row in rows.mappings()]


def reach(connection: Connection, tenant: TenantId) -> tuple[datetime, datetime] | None:
    """When the tenant's events begin, and how far they reach; None = it has none."""
    found = connection.execute(
        text("select first_at, watermark from auth_tenant where tenant_id = :tenant"), {"tenant": tenant}
    ).one_or_none()
    return None if found is None else (found.first_at, found.watermark)
