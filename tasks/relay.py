"""The relay: takes what is due out of the outbox and hands it to the notifiers, at least once, most severe first."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import Connection

from spine.audit import AuditAction
from spine.clock import Clock
from spine.errors import Broken, Refused
from spine.ids import ApprovalId
from spine.notification import Deferred, Notification, NotYet, Receipt, Topic, backoff
from spine.redact import redact_text
from spine.settings import Settings
from store import audit, briefing, outbox, storm
from store.engine import Database
from tasks.briefing import compose
from tasks.notifiers import Ports, notifiers

_log = structlog.get_logger(__name__)
_LEASE = timedelta(seconds=60)
"""Longer than any notifier's time limit: a message is not handed out twice while its relay lives."""
_PATIENCE = timedelta(seconds=1)
_ACTOR = "relay"
_PROMPTS = (Topic.APPROVAL_REQUESTED, Topic.APPROVAL_VOTED)
"""What leaves the question standing in Slack, to be brought up to date there."""


def drain(database: Database, settings: Settings, clock: Clock) -> int:
    """Deliver all that is due, channels side by side; returns how many messages were sent."""
    with database.system() as connection:
        channels = outbox.waiting_channels(connection)
    if not channels:
        return 0
    with ThreadPoolExecutor(len(channels)) as pool:
        return sum(pool.map(lambda channel: drain_channel(database, settings, clock, channel), channels))


def drain_channel(
    database: Database, settings: Settings, clock: Clock, channel: str, holder: UUID | None = None
) -> int:
    """Deliver all that is due in one channel, one by one, so that a critical one overtakes; returns how many.

    `holder` is the caller's sign of life (store/liveness.py), if it gives one.
    """
    sent = 0
    while True:
        with database.system() as connection:
            storm.fold(connection, channel, settings.notify, now=clock.now())
            row = outbox.claim(connection, channel, now=clock.now(), lease=_LEASE, holder=holder)
        if row is None:
            return sent
        sent += _deliver(database, settings, clock, row)


def _deliver(database: Database, settings: Settings, clock: Clock, row: Notification) -> bool:
    """One delivery and its record. No transaction is open while the network is used."""
    try:
        send = notifiers().get(row.channel)
        if send is None:
            raise Broken(f"there is no notifier {row.channel!r} (tasks/notifiers/{row.channel}.py)")
        with database.system() as connection:
            message = compose(connection, row, settings)
            if row.attempts + row.deferrals > 1:
                message = replace(message, look_in=outbox.newest_receipt(connection, row.channel) or {})
        receipt = send(message, Ports(settings, clock))
    except Exception as error:  # a notifier may fail in any way; the row must come out of it in a known state
        with database.system() as connection:
            _record_failure(connection, settings, clock, row, error)
        return False
    with database.system() as connection:
        _record_sent(connection, clock, row, receipt)
    return True


def _record_sent(connection: Connection, clock: Clock, row: Notification, receipt: Receipt) -> None:
    now = clock.now()
    outbox.mark_sent(connection, row.id, receipt.detail, now=now)
    outbox.release(connection, row.channel)
    if row.topic in _PROMPTS and row.channel == "slack":
        briefing.keep_prompt(connection, ApprovalId(row.payload["approval"]), json.dumps(receipt.detail))
    _audit(connection, clock, row, "ok", {"receipt": receipt.detail})


def _record_failure(
    connection: Connection, settings: Settings, clock: Clock, row: Notification, error: Exception
) -> None:
    now, said = clock.now(), redact_text(str(error) or type(error).__name__)
    if isinstance(error, NotYet):
        outbox.retry(connection, row.id, said, at=now + _PATIENCE, charged=False)
    elif isinstance(error, Deferred):
        until = outbox.hold(connection, row.channel, said, now=now, retry_after=error.retry_after)
        outbox.retry(connection, row.id, said, at=until, charged=False)
        _log.warning("a channel does not work", channel=row.channel, error=said, until=until.isoformat())
    elif isinstance(error, Broken | Refused) or row.attempts >= settings.notify.max_attempts:
        outbox.fail(connection, row.id, said)
        _audit(connection, clock, row, "failed", {"error": said, "attempts": row.attempts})
        _log.error("a message was given up", id=str(row.id), channel=row.channel, topic=row.topic.value, error=said)
    else:
        outbox.retry(connection, row.id, said, at=now + backoff(row.attempts))
        _log.warning("a message could not be delivered yet", id=str(row.id), channel=row.channel, error=said)


def _audit(connection: Connection, clock: Clock, row: Notification, outcome: str, detail: dict[str, object]) -> None:
    audit.append(
        connection, row.tenant_id, AuditAction.NOTIFICATION_SENT, actor=_ACTOR, at=clock.now(),
        subject=f"notification:{row.id}", incident_id=row.incident_id, outcome=outcome,
        detail={"channel": row.channel, "topic": row.topic.value, **detail},
    )  # fmt: skip
