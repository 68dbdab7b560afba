"""The relay: takes what is due out of the outbox and hands it to the notifiers, at least once, most severe first."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import Connection

from spine import trace
from spine.audit import AuditAction
from spine.clock import Clock
from spine.errors import Broken, Refused
from spine.ids import ApprovalId
from spine.message import Message
from spine.notification import Deferred, Notification, NotYet, Receipt, Topic, backoff
from spine.redact import redact_text
from spine.settings import Settings
from store import audit, briefing, outbox, storm, traces
from store.engine import Database
from tasks.addressing import addressed, place
from tasks.briefing import compose
from tasks.notifiers import Ports, notifiers
from tasks.slack import thread

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
        thread.refresh(connection, settings, clock.now())
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
            if channel == thread.CHANNEL:
                thread.refresh(connection, settings, clock.now())
            row = outbox.claim(connection, channel, now=clock.now(), lease=_LEASE, holder=holder)
        if row is None:
            return sent
        with _traced(database, row):
            sent += _deliver(database, settings, clock, row)


def _traced(database: Database, row: Notification) -> AbstractContextManager[object]:
    """Lines and spans of a delivery bear its incident, and belong to the trace its message was written in."""
    parent = None
    if trace.on():
        with database.system() as connection:
            parent = traces.of_message(connection, row.id)
    stack = ExitStack()
    if row.incident_id is not None:
        stack.enter_context(structlog.contextvars.bound_contextvars(incident_id=str(row.incident_id)))
    named = f"deliver {row.channel}"
    stack.enter_context(
        trace.span(named, "consumer", parent=parent, topic=row.topic.value, incident=str(row.incident_id or ""))
    )
    return stack


def _deliver(database: Database, settings: Settings, clock: Clock, row: Notification) -> bool:
    """One delivery and its record. No transaction is open while the network is used."""
    try:
        send = notifiers().get(row.channel)
        if send is None:
            raise Broken(f"there is no notifier {row.channel!r} (tasks/notifiers/{row.channel}.py)")
        with database.system() as connection:
            message = compose(connection, row, settings)
            if row.channel == thread.CHANNEL:
                message = thread.placed(connection, row, message, settings)
            if row.attempts + row.deferrals > 1:
                known = outbox.newest_receipt(connection, row.channel, row.target)
                message = replace(message, look_in=known or {})
            there = addressed(connection, settings, row)
        receipt = send(message, Ports(there, clock))
    except Exception as error:  # a notifier may fail in any way; the row must come out of it in a known state
        with database.system() as connection:
            _record_failure(connection, settings, clock, row, error)
        return False
    with database.system() as connection:
        return _record_sent(connection, clock, row, message, receipt)


def _record_sent(connection: Connection, clock: Clock, row: Notification, message: Message, receipt: Receipt) -> bool:
    """Note that the message was delivered; False = another edit raced with it, and it is made once more."""
    now = clock.now()
    if row.channel == thread.CHANNEL and not thread.landed(connection, row, message, receipt, now):
        outbox.retry(connection, row.id, "another edit raced with this one", at=now + _PATIENCE, charged=False)
        return False
    outbox.mark_sent(connection, row.id, receipt.detail, now=now)
    outbox.release(connection, place(row))
    if row.topic in _PROMPTS and row.channel == "slack" and not row.target:
        briefing.keep_prompt(connection, ApprovalId(row.payload["approval"]), json.dumps(receipt.detail))
    if row.topic is not Topic.INCIDENT_CARD:
        _audit(connection, clock, row, "ok", {"receipt": receipt.detail})
    return True


def _record_failure(
    connection: Connection, settings: Settings, clock: Clock, row: Notification, error: Exception
) -> None:
    now, said = clock.now(), redact_text(str(error) or type(error).__name__)
    if isinstance(error, NotYet):
        outbox.retry(connection, row.id, said, at=now + _PATIENCE, charged=False)
    elif isinstance(error, Deferred):
        where = f"{row.channel}/{error.lane}" if error.lane else place(row)
        until = outbox.hold(connection, where, said, now=now, retry_after=error.retry_after)
        outbox.retry(connection, row.id, said, at=until, charged=False, unsent=error.unsent)
        if where == thread.LANE:
            outbox.put_off(connection, row.channel, Topic.INCIDENT_CARD, until)
        _log.warning("a channel does not work", channel=where, error=said, until=until.isoformat())
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
        detail={"channel": row.channel, "target": row.target, "topic": row.topic.value, **detail},
    )  # fmt: skip
