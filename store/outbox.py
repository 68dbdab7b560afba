"""The outbox: notifications are rows, written in the transaction that made the news."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from spine.correlation import cause
from spine.ids import TenantId, derive
from spine.notification import Notification, Topic, backoff, foldable
from spine.redact import redact
from spine.route import Destination
from spine.severity import Severity
from store.liveness import is_alive

_PUT = text("""
    insert into outbox(id, tenant_id, incident_id, channel, target, topic, severity, foldable, payload, dedupe,
                       created_at, next_attempt_at)
    values(:id, :tenant, :incident, :channel, :target, :topic, :severity, :foldable, cast(:payload as jsonb), :dedupe,
           :now, :due)
    on conflict do nothing
""")
_CLAIM = text("""
    update outbox set locked_until = :until, locked_by = :holder, attempts = attempts + 1 where id = (
        select id from outbox o
        where status = 'pending' and channel = :channel and next_attempt_at <= :now
          and (locked_until is null or locked_until <= :now)
          and not exists(select from outbox_channels h where h.held_until > :now
                         and h.channel in (:channel, :channel || ':' || o.target))
        order by severity desc, created_at, id limit 1 for update skip locked)
    returning id, tenant_id, incident_id, channel, target, topic, severity, payload, created_at, attempts, deferrals,
              receipt
""")
_HOLD = text("""
    insert into outbox_channels as c(channel, held_until, failures, error) values(:channel, :now, 1, :error)
    on conflict(channel) do update set failures = c.failures + 1, error = excluded.error
    returning failures
""")
_NEXT_DUE = text("""
    select min(greatest(o.next_attempt_at, coalesce(o.locked_until, o.next_attempt_at), h.until))
    from outbox o left join lateral (
        select max(held_until) as until from outbox_channels
        where channel in (o.channel, o.channel || ':' || o.target)) h on true
    where o.status = 'pending' and o.channel = :channel
""")
_POSTED = text("""
    select receipt from outbox
    where incident_id = :incident and channel = :channel and target = :target and status = 'sent'
      and topic = 'incident.opened'
    order by sent_at limit 1
""")


def put(
    connection: Connection,
    tenant: TenantId,
    topic: Topic | str,
    payload: Mapping[str, Any],
    *,
    severity: Severity | int,
    incident_id: UUID | None,
    dedupe: str,
    now: datetime,
    channels: Sequence[str],
    due: datetime | None = None,
) -> None:
    """Write one notification per channel (or `channel:target`), to be delivered after the caller's commit, or `due`.

    Written again with the same `dedupe`, it changes nothing. `payload` carries ids: what a message shows is
    read from the store at delivery. Which channels: `store.routes.destinations`.
    """
    topic, severity = Topic(topic), Severity(severity)
    told = payload if cause() is None else {"request": cause(), **payload}
    for channel, target in ((to.channel, to.target) for to in map(Destination.parse, channels)):
        connection.execute(
            _PUT,
            {
                "id": derive("outbox", tenant, channel, dedupe, *([target] if target else [])),
                "tenant": tenant,
                "incident": incident_id,
                "channel": channel,
                "target": target,
                "topic": topic.value,
                "severity": int(severity),
                "foldable": foldable(topic, severity, channel),
                "payload": json.dumps({name: _safe(value) for name, value in told.items()}),
                "dedupe": dedupe,
                "now": now,
                "due": due or now,
            },
        )


def claim(
    connection: Connection, channel: str, *, now: datetime, lease: timedelta, holder: UUID | None = None
) -> Notification | None:
    """Take the most severe due message of `channel` for `lease`; None = nothing is due.

    `holder` is the relay's sign of life: when it ends, `free_orphans` ends the lease at once.

    The attempt is counted here, before the delivery: a message that kills its relay runs out of attempts too.
    """
    row = connection.execute(
        _CLAIM,
        {"channel": channel, "now": now, "until": now + lease, "holder": holder},
    ).one_or_none()
    return _notification(row) if row else None


def mark_sent(connection: Connection, message: UUID, receipt: Mapping[str, Any], *, now: datetime) -> None:
    """Delivered: keep the receipt."""
    connection.execute(
        text(
            "update outbox set status = 'sent', sent_at = :now, locked_until = null, error = null,"
            " receipt = cast(:receipt as jsonb) where id = :id"
        ),
        {"id": message, "now": now, "receipt": json.dumps(dict(receipt), default=str)},
    )


def retry(
    connection: Connection, message: UUID, error: str, *, at: datetime, charged: bool = True, unsent: bool = False
) -> None:
    """Try again at `at`. Not `charged`: the attempt is given back, for it was not the message's fault.

    It counts as a deferral, so that the next delivery looks whether this one arrived; `unsent`: it surely did not.
    """
    connection.execute(
        text(
            "update outbox set next_attempt_at = :at, locked_until = null, error = :error,"
            " attempts = attempts - :given_back, deferrals = deferrals + :doubtful where id = :id"
        ),
        {
            "id": message,
            "at": at,
            "error": error,
            "given_back": 0 if charged else 1,
            "doubtful": 0 if charged or unsent else 1,
        },
    )


def hold(
    connection: Connection, channel: str, error: str, *, now: datetime, retry_after: timedelta | None = None
) -> datetime:
    """Let all of `channel` (or of one `channel:target`) wait: it is down, or asked for patience. Returns until when."""
    failures = connection.execute(_HOLD, {"channel": channel, "now": now, "error": error}).scalar_one()
    until = now + (retry_after if retry_after is not None else backoff(failures, outage=True))
    connection.execute(
        text("update outbox_channels set held_until = :until where channel = :channel"),
        {"channel": channel, "until": until},
    )
    return until


def held_until(connection: Connection, channel: str) -> datetime | None:
    """Until when `channel` (or a lane of it) waits; None = it does not."""
    found: datetime | None = connection.execute(
        text("select held_until from outbox_channels where channel = :channel"), {"channel": channel}
    ).scalar_one_or_none()
    return found


def put_off(connection: Connection, channel: str, topic: Topic, until: datetime) -> None:
    """Nothing of `topic` is tried in `channel` before `until`."""
    connection.execute(
        text(
            "update outbox set next_attempt_at = greatest(next_attempt_at, :until)"
            " where channel = :channel and topic = :topic and status = 'pending'"
        ),
        {"channel": channel, "topic": topic.value, "until": until},
    )


def release(connection: Connection, channel: str) -> None:
    """The channel works again."""
    connection.execute(text("delete from outbox_channels where channel = :channel"), {"channel": channel})


def fail(connection: Connection, message: UUID, error: str) -> None:
    """Give up. The row stays and /api/health shows it until somebody retries it (`requeue`)."""
    connection.execute(
        text("update outbox set status = 'failed', locked_until = null, error = :error where id = :id"),
        {"id": message, "error": error},
    )


def requeue(connection: Connection, *, now: datetime, message: UUID | None = None) -> int:
    """Give failed messages (one, or all) a fresh set of attempts; returns how many."""
    connection.execute(text("select pg_notify('outbox', '')"))
    return connection.execute(
        text(
            "update outbox set status = 'pending', attempts = 0, deferrals = 0, next_attempt_at = :now"
            " where status = 'failed' and (cast(:id as uuid) is null or id = :id)"
        ),
        {"now": now, "id": message},
    ).rowcount


def next_due(connection: Connection, channel: str) -> datetime | None:
    """When the earliest waiting message of `channel` may be tried; None = nothing waits."""
    found: datetime | None = connection.execute(_NEXT_DUE, {"channel": channel}).scalar_one_or_none()
    return found


def free_orphans(connection: Connection, *, now: datetime) -> int:
    """End the leases of relays that died: what they were delivering is due again. Returns how many messages."""
    holders = (
        connection.execute(
            text(
                "select distinct locked_by from outbox where status = 'pending' and locked_by is not null"
                " and locked_until > :now"
            ),
            {"now": now},
        )
        .scalars()
        .all()
    )
    dead = [holder for holder in holders if not is_alive(connection, holder)]
    if not dead:
        return 0
    return connection.execute(
        text(
            "update outbox set locked_until = null, locked_by = null where status = 'pending' and locked_by = any(:d)"
        ),
        {"d": dead},
    ).rowcount


def newest_receipt(connection: Connection, channel: str, target: str = "") -> dict[str, Any] | None:
    """The receipt of the last message delivered to `target` of `channel`."""
    found: dict[str, Any] | None = connection.execute(
        text(
            "select receipt from outbox where channel = :channel and target = :target and status = 'sent'"
            " order by created_at desc limit 1"
        ),
        {"channel": channel, "target": target},
    ).scalar_one_or_none()
    return found


def undelivered(connection: Connection, limit: int) -> Sequence[Row[Any]]:
    """Messages that wait or were given up, those given up first, then the most severe."""
    return connection.execute(
        text(
            "select id, tenant_id, channel, target, topic, status, created_at, attempts, error from outbox"
            " where status in ('pending', 'failed') order by status, severity desc, created_at limit :limit"
        ),
        {"limit": limit},
    ).all()


def waiting_channels(connection: Connection) -> list[str]:
    """Channels that have something to deliver."""
    rows = connection.execute(text("select distinct channel from outbox where status = 'pending' order by channel"))
    return [row.channel for row in rows]


def posted(connection: Connection, incident: UUID, channel: str, target: str = "") -> dict[str, Any] | None:
    """The receipt of the message that opened `incident` at `target` of `channel`, so that the rest can follow it."""
    found: dict[str, Any] | None = connection.execute(
        _POSTED,
        {"incident": incident, "channel": channel, "target": target},
    ).scalar_one_or_none()
    return found


def _safe(value: object) -> object:
    """The value without secrets. Ids are kept as they are: digits in one may look like a card's number."""
    try:
        return str(value if isinstance(value, UUID) else UUID(str(value)))
    except ValueError:
        return redact(value)


def _notification(row: Row[Any]) -> Notification:
    values = dict(row._mapping)
    values["topic"], values["severity"] = Topic(values["topic"]), Severity(values["severity"])
    return Notification(**values)
