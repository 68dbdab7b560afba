"""The spine's own incident: opened when a part stays bad, told once, ended by itself, never by a single hiccup."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from deployments.database_watch import DatabaseWatch
from deployments.watchdog import Watchdog
from spine.clock import ManualClock
from spine.health import Reading, Standing, Status, standing, well
from spine.ids import NO_TENANT
from spine.incident import Incident, IncidentKind, IncidentStatus
from spine.notification import Notification, Topic
from spine.settings import Settings
from spine.severity import Severity
from spine.suppression import Reason
from store import incidents, outbox, suppressions
from store.engine import Database
from store.heartbeats import beat, beats
from store.illness import judge
from store.vital import CHECKS
from tasks.briefing import compose

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
BAD = Reading(status=Status.FAIL, said="no runner is alive", means="Nothing is detected.", do="Look at runner.log.")


class Parts:
    """Looks at parts once a minute, as scripted."""

    def __init__(self, database: Database) -> None:
        self.database, self.now, self.latest = database, NOW, dict[str, Standing]()
        self.settings = Settings()

    def look(self, severity: Severity = Severity.CRITICAL, **readings: Reading) -> Incident | None:
        """One round; returns the spine's live incident."""
        self.now += timedelta(minutes=1)
        for key, reading in readings.items():
            self.latest[key] = standing(
                key, reading, severity=severity, at=self.now, took=timedelta(0), before=self.latest.get(key)
            )
        with self.database.system() as connection:
            return judge(connection, list(self.latest.values()), self.settings, self.now)

    def told(self) -> list[str]:
        """The topics of everything people are told, in order."""
        with self.database.system() as connection:
            return list(connection.execute(text("select topic from outbox order by created_at")).scalars())

    def audited(self) -> list[str]:
        """The spine's entries in the audit trail."""
        with self.database.system() as connection:
            query = "select action from audit_entries where incident_id is not null order by seq"
            return list(connection.execute(text(query)).scalars())


@pytest.fixture
def parts(database: Database) -> Parts:
    return Parts(database)


def test_it_opens_after_so_many_bad_looks_in_a_row_and_tells_once(parts: Parts) -> None:
    assert [parts.look(runner=BAD), parts.look(runner=BAD)] == [None, None]
    opened = parts.look(runner=BAD)
    assert opened is not None
    assert (opened.kind, opened.tenant_id, opened.severity, opened.first_event_at) == (
        IncidentKind.SPINE_HEALTH, NO_TENANT, Severity.CRITICAL, NOW + timedelta(minutes=1),
    )  # fmt: skip
    assert opened.title == "The spine is ill: runner: no runner is alive"
    parts.look(runner=BAD)
    assert (parts.told(), parts.audited()) == (["incident.opened"], ["incident.opened"])


def test_what_comes_and_goes_wakes_nobody(parts: Parts) -> None:
    for number in range(20):
        assert parts.look(runner=BAD if number % 3 else well("alive")) is None
    assert parts.told() == []


def test_a_warning_wakes_nobody(parts: Parts) -> None:
    warning = Reading(status=Status.WARN, said="slow", means="m", do="d")
    assert [parts.look(slack=warning) for _ in range(10)] == [None] * 10


def _open(parts: Parts, **readings: Reading) -> Incident:
    for _ in range(3):
        found = parts.look(**readings)
    assert found is not None
    return found


def test_it_ends_by_itself_after_so_many_good_looks(parts: Parts) -> None:
    opened = _open(parts, runner=BAD, disk=well("room"))
    assert parts.look(runner=well("alive")) is not None
    assert parts.look(runner=well("alive")) is not None
    assert parts.look(runner=well("alive")) is None
    with parts.database.system() as connection:
        ended = incidents.get(connection, opened.id)
    assert (ended.status, ended.resolved_at) == (IncidentStatus.RESOLVED, parts.now)
    assert parts.told() == ["incident.opened", "incident.resolved"]


def test_it_does_not_end_and_open_again_while_a_part_flaps(parts: Parts) -> None:
    _open(parts, runner=BAD)
    for number in range(20):
        assert parts.look(runner=BAD if number % 2 else well("alive")) is not None
    assert parts.told() == ["incident.opened"]


def test_another_part_joins_the_same_incident_and_a_graver_one_is_told(parts: Parts) -> None:
    for _ in range(3):
        parts.look(Severity.HIGH, outbox=BAD)
    for _ in range(3):
        grown = parts.look(Severity.CRITICAL, disk=BAD)
    assert grown is not None
    assert ([part["part"] for part in grown.summary["ill"]], grown.severity) == (["outbox", "disk"], Severity.CRITICAL)
    assert parts.told() == ["incident.opened", "incident.updated"]
    with parts.database.system() as connection:
        assert [line["kind"] for line in incidents.timeline(connection, grown.id)] == ["opened", "finding"]


def test_an_incident_people_took_over_ends_too(parts: Parts) -> None:
    opened = _open(parts, runner=BAD)
    with parts.database.system() as connection:
        incidents.transition(
            connection, opened.id, IncidentStatus.ESCALATED, at=parts.now, actor="person:ann@example.org", summary="x"
        )
    _ = [parts.look(runner=well("alive")) for _ in range(3)]
    with parts.database.system() as connection:
        assert incidents.get(connection, opened.id).status is IncidentStatus.RESOLVED


def test_announced_maintenance_keeps_it_from_opening(parts: Parts) -> None:
    with parts.database.system() as connection:
        suppressions.add(
            connection, NO_TENANT, reason=Reason.MAINTENANCE, kind=IncidentKind.SPINE_HEALTH,
            owner="person:ann@example.org", note="new disk", starts_at=NOW, length=timedelta(minutes=30), now=NOW,
        )  # fmt: skip
    assert [parts.look(disk=BAD) for _ in range(10)] == [None] * 10
    parts.now = NOW + timedelta(minutes=31)
    assert parts.look(disk=BAD) is not None


def test_detection_leaves_it_alone(parts: Parts) -> None:
    opened = _open(parts, runner=BAD)
    late = parts.now + timedelta(days=1)
    with parts.database.system() as connection:
        ended = incidents.settle(
            connection, {NO_TENANT: late}, late, detect=parts.settings.detect, notify=parts.settings.notify
        )
        assert ended == []
        assert incidents.get(connection, opened.id).status is IncidentStatus.OPEN


def test_the_message_says_what_is_ill_what_it_means_and_what_to_do(parts: Parts) -> None:
    opened = _open(parts, runner=BAD)
    with parts.database.system() as connection:
        row = outbox.claim(connection, "log", now=parts.now, lease=timedelta(seconds=9))
        assert isinstance(row, Notification)
        message = compose(connection, row, parts.settings)
    assert row.topic is Topic.INCIDENT_OPENED
    assert f"Impact {BAD.means.rstrip('.')}" in message.headline
    assert "opsspine health" in message.headline
    assert any(BAD.do in line for section in message.sections for line in section.lines)
    assert message.data["incident"] == str(opened.id)


@pytest.fixture
def watchdog(database: Database, tmp_path: Any) -> tuple[Watchdog, ManualClock, Database]:
    settings, clock = Settings(data_dir=tmp_path), ManualClock(NOW)
    settings.prefect.api_url = "http://127.0.0.1:9/api"
    return Watchdog(database, settings, clock), clock, database


def test_the_relay_looks_when_the_flow_is_silent_and_opens_the_incident(
    watchdog: tuple[Watchdog, ManualClock, Database],
) -> None:
    dog, clock, database = watchdog
    assert not dog.look(), "the flow must have a chance to begin"
    clock.advance(timedelta(minutes=4))
    for _ in range(3):
        assert dog.look()
        clock.advance(timedelta(minutes=1))
    with database.system() as connection:
        (found,) = incidents.list_live(connection)
        assert beats(connection)[CHECKS][1]["by"] == "relay"
    assert found.kind is IncidentKind.SPINE_HEALTH
    assert "runner" in found.title


def test_the_relay_leaves_it_to_the_flow_that_is_heard(watchdog: tuple[Watchdog, ManualClock, Database]) -> None:
    dog, clock, database = watchdog
    clock.advance(timedelta(minutes=10))
    with database.system() as connection:
        beat(connection, CHECKS, now=clock.now(), detail={"by": "check_health"})
    assert not dog.look()


def test_a_database_that_is_gone_is_told_once_a_minute_and_when_it_is_back() -> None:
    watch = DatabaseWatch("postgresql://nobody@127.0.0.1:9/none")
    first = watch.look()
    assert first is not None
    assert "does not answer since" in first
    assert "/readyz answers 503" in first
    now = datetime.now(UTC)
    assert watch.judge("OperationalError", now + timedelta(seconds=20)) is None
    assert watch.judge("OperationalError", now + timedelta(seconds=70)) is not None
    again = watch.judge(None, now + timedelta(seconds=80))
    assert again is not None
    assert "answers again" in again
    assert watch.judge(None, now + timedelta(seconds=90)) is None
