"""The outbox keeps what it is given, hands it out once, most severe first, and never drops anything."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from spine.ids import TenantId, mint
from spine.severity import Severity
from store import outbox
from store.engine import Database
from store.liveness import alive

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LEASE = timedelta(seconds=30)
ACME = TenantId("acme")


def _put(database: Database, dedupe: str, *, severity: int = 1, channels: tuple[str, ...] = ("slack",)) -> None:
    with database.system() as connection:
        outbox.put(
            connection, ACME, "incident.opened", {"incident": dedupe},
            severity=severity, incident_id=None, dedupe=dedupe, now=T0, channels=channels,
        )  # fmt: skip


def _claim(database: Database, *, now: datetime = T0) -> outbox.Notification | None:
    with database.system() as connection:
        return outbox.claim(connection, "slack", now=now, lease=LEASE)


def _status(database: Database) -> list[str]:
    with database.system() as connection:
        return [row.status for row in connection.execute(text("select status from outbox order by created_at, id"))]


def test_the_same_news_is_written_once_per_channel(database: Database) -> None:
    for _ in range(3):
        _put(database, "a", channels=("slack", "email"))
    assert _status(database) == ["pending", "pending"]


def test_criticals_are_handed_out_first(database: Database) -> None:
    _put(database, "low", severity=0)
    _put(database, "critical", severity=3)
    _put(database, "high", severity=2)
    order = [
        message.payload["incident"] for message in (_claim(database), _claim(database), _claim(database)) if message
    ]
    assert order == ["critical", "high", "low"]


def test_a_message_in_delivery_is_not_handed_out_again_until_its_relay_is_given_up(
    database: Database,
) -> None:
    _put(database, "a")
    first = _claim(database)
    assert first is not None
    assert _claim(database) is None
    again = _claim(database, now=T0 + LEASE)
    assert again is not None
    assert again.id == first.id
    assert again.attempts == 2


def test_two_relays_never_hold_one_message(database: Database) -> None:
    _put(database, "a")
    with database.system() as one, database.system() as two:
        assert outbox.claim(one, "slack", now=T0, lease=LEASE) is not None
        assert outbox.claim(two, "slack", now=T0, lease=LEASE) is None


def test_a_retry_for_the_channels_sake_costs_the_message_no_attempt(database: Database) -> None:
    _put(database, "a")
    message = _claim(database)
    assert message is not None
    with database.system() as connection:
        outbox.retry(connection, message.id, "503", at=T0 + timedelta(seconds=5), charged=False)
    assert _claim(database) is None
    again = _claim(database, now=T0 + timedelta(seconds=5))
    assert again is not None
    assert (again.attempts, again.deferrals) == (1, 1)


def test_a_failed_message_stays_and_can_be_requeued(database: Database) -> None:
    _put(database, "a")
    message = _claim(database)
    assert message is not None
    with database.system() as connection:
        outbox.fail(connection, message.id, "no such channel")
    assert _status(database) == ["failed"]
    with database.system() as connection:
        assert outbox.requeue(connection, now=T0) == 1
    again = _claim(database)
    assert again is not None
    assert again.attempts == 1


def test_an_insert_wakes_the_listeners(database: Database, database_url: str) -> None:
    import psycopg

    with psycopg.connect(database_url, autocommit=True) as listener:
        listener.execute("listen outbox")
        _put(database, "a")
        assert [n.channel for n in listener.notifies(timeout=5, stop_after=1)] == ["outbox"]


@pytest.mark.parametrize("severity", list(Severity))
def test_only_ordinary_messages_for_people_may_be_folded(database: Database, severity: Severity) -> None:
    _put(database, "a", severity=severity, channels=("slack", "webhook"))
    with database.system() as connection:
        found = {row.channel: row.foldable for row in connection.execute(text("select channel, foldable from outbox"))}
    assert found == {"slack": severity < Severity.CRITICAL, "webhook": False}


def test_what_a_dead_relay_was_delivering_is_due_at_once(database: Database, database_url: str) -> None:
    holder = mint()
    _put(database, "a")
    _put(database, "b")
    with database.system() as connection:
        outbox.claim(connection, "slack", now=T0, lease=LEASE, holder=holder)
        outbox.claim(connection, "slack", now=T0, lease=LEASE)
    with alive(database_url, holder), database.system() as connection:
        assert outbox.free_orphans(connection, now=T0) == 0
    with database.system() as connection:
        assert outbox.free_orphans(connection, now=T0) == 1
        assert outbox.claim(connection, "slack", now=T0, lease=LEASE) is not None
        assert outbox.claim(connection, "slack", now=T0, lease=LEASE) is None


def test_a_secret_in_the_payload_is_not_stored_and_ids_are_untouched(database: Database) -> None:
    digits = "41111111-1111-4111-8111-111111111111"
    with database.system() as connection:
        outbox.put(
            connection, ACME, "incident.escalated", 
            {"incident": digits, "reason": "failed: password=hunter2 xoxb-123456789012-abcdefghij"},
            severity=1, incident_id=None, dedupe="a", now=T0, channels=["log"],
        )  # fmt: skip
        payload = connection.execute(text("select payload from outbox")).scalar_one()
    assert payload["incident"] == digits
    assert "hunter2" not in payload["reason"]
    assert "xoxb-1" not in payload["reason"]
