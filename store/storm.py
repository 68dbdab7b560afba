"""Storms: many messages for people in a short time become one digest. Nothing is dropped."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from spine.ids import NO_TENANT, mint
from spine.notification import READ_BY_PEOPLE
from spine.settings import NotifySettings

_UPDATABLE = "slack"
"""The channel in which a sent digest can be brought up to date; in others a later one follows."""
_OPEN = timedelta(minutes=15)
"""How long one digest goes on collecting."""
_STORMS = text("""
    select target from outbox
    where channel = :channel and foldable and (status = 'pending' or created_at > :since)
    group by target having count(*) > :most
""")
_FOLD = text("""
    update outbox set status = 'folded', folded_into = :digest, locked_until = null
    where channel = :channel and target = :target and foldable and status = 'pending'
      and (locked_until is null or locked_until <= :now)
""")
_LATEST = text("""
    select id, status, sent_at from outbox
    where channel = :channel and target = :target and topic = 'digest' and status in ('pending', 'sent')
      and created_at > :since
    order by created_at desc limit 1
""")
_CREATE = text("""
    insert into outbox(id, tenant_id, channel, target, topic, severity, foldable, payload, dedupe, created_at,
                       next_attempt_at)
    values(:id, :tenant, :channel, :target, 'digest', 0, false, '{}', :dedupe, :now, :due)
""")
_WEIGH = text("""
    update outbox set severity = (select max(severity) from outbox where folded_into = :id) where id = :id
""")


def fold(connection: Connection, channel: str, settings: NotifySettings, *, now: datetime) -> int:
    """Fold what waits in `channel` into its digests while a storm lasts; returns how many messages were folded.

    A storm is more than `storm_count` messages to one target within `storm_seconds`, or waiting. Only messages that
    may be folded count, and only they are (`spine.notification.foldable`).
    """
    if channel not in READ_BY_PEOPLE:
        return 0
    pause = timedelta(seconds=settings.storm_seconds)
    storms = connection.execute(
        _STORMS, {"channel": channel, "since": now - pause, "most": settings.storm_count}
    ).scalars()
    return sum(_fold(connection, channel, target, pause, now) for target in sorted(storms))


def _fold(connection: Connection, channel: str, target: str, pause: timedelta, now: datetime) -> int:
    where = {"channel": channel, "target": target}
    connection.execute(text("select pg_advisory_xact_lock(hashtext('digest ' || :channel || ':' || :target))"), where)
    latest = connection.execute(_LATEST, {**where, "since": now - _OPEN}).one_or_none()
    reopen = latest is not None and (latest.status == "pending" or channel == _UPDATABLE)
    digest = latest.id if latest is not None and reopen else mint()
    if not reopen:
        _create(connection, digest, where, now=now, due=_after(latest, pause, now))
    folded = connection.execute(_FOLD, {**where, "digest": digest, "now": now}).rowcount
    if folded == 0 and not reopen:
        connection.execute(text("delete from outbox where id = :id"), {"id": digest})
    elif folded:
        connection.execute(_WEIGH, {"id": digest})
        if latest is not None and reopen and latest.status == "sent":
            _send_again(connection, digest, due=_after(latest, pause, now))
    return folded


def _create(connection: Connection, digest: UUID, where: dict[str, str], *, now: datetime, due: datetime) -> None:
    values = {"id": digest, "tenant": NO_TENANT, "dedupe": f"digest:{digest}", "now": now, "due": due}
    connection.execute(_CREATE, values | where)


def _send_again(connection: Connection, digest: UUID, *, due: datetime) -> None:
    """Bring the posted digest up to date; its receipt says where it stands."""
    connection.execute(
        text("update outbox set status = 'pending', attempts = 0, next_attempt_at = :due where id = :id"),
        {"id": digest, "due": due},
    )


def _after(latest: Row[Any] | None, pause: timedelta, now: datetime) -> datetime:
    """At most one digest, or one update of it, per storm interval."""
    return max(now, latest.sent_at + pause) if latest is not None and latest.sent_at else now
