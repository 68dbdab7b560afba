"""Findings about the flags of a tenant: what they show themselves, and what leases and changes say of them."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from spine.flag.drift import drift
from spine.flag.finding import Finding, broken, findings
from spine.flag.hold import live
from spine.flag.stored import StoredFlag
from spine.ids import TenantId
from store import flags


def found(connection: Connection, tenant: TenantId, *, now: datetime, stale: timedelta) -> list[Finding]:
    """Everything to look at, by key."""
    every = flags.all_flags(connection, tenant)
    stored = {key: flag for key, flag in every.items() if not flag.definition.archived}
    told = [
        *broken(flags.broken(connection, tenant)),
        *findings(stored.values(), now=now, stale=stale),
        *_drifted(connection, stored, now),
        *_overtaken(connection, tenant, now - stale),
    ]
    return sorted(told, key=lambda one: (one.key, one.kind, one.says))


def _drifted(connection: Connection, stored: dict[str, StoredFlag], now: datetime) -> list[Finding]:
    """Flags that people edited while a lease held them."""
    holding = {hold.lease_id: flag for flag in stored.values() for hold in live(flag.holds, now)}
    rows = connection.execute(
        text("select id, pre_image from leases where id = any(:ids) and pre_image is not null order by id"),
        {"ids": list(holding)},
    )
    told = {}
    for row in rows:
        flag = holding[row.id]
        if "flag" in row.pre_image and (changed := drift(row.pre_image, flag.version, flag.digest)):
            told[flag.key] = Finding(key=flag.key, kind="drift", says=f"While lease {row.id} holds it: {changed}.")
    return list(told.values())


def _overtaken(connection: Connection, tenant: TenantId, since: datetime) -> list[Finding]:
    """Planned changes that will not happen, for somebody edited the flag first."""
    rows = connection.execute(
        text(
            "select key, starts_at, reason, proposed_by, ended_at from flag_changes where tenant_id = :t"
            " and state = 'overtaken' and ended_at >= :since and ended_at < starts_at order by ended_at"
        ),
        {"t": tenant, "since": since},
    )
    return [
        Finding(
            key=row.key, kind="overtaken",
            says=f"The change planned for {row.starts_at:%Y-%m-%d %H:%M} UTC by {row.proposed_by} (“{row.reason}”) "
            f"does not happen: the flag was edited at {row.ended_at:%Y-%m-%d %H:%M} UTC. Plan it anew if it should.",
        )
        for row in rows
    ]  # fmt: skip
