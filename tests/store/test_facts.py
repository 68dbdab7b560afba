"""Exact facts of the last hour: read from raw events, drills apart, and nothing that has a harmless reading."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from spine.detect import detect
from spine.detect.entity.sighting import subject_of
from spine.event import Event, EventType
from spine.finding import Finding
from spine.ids import TenantId
from spine.incident import IncidentKind
from spine.settings.detect import DetectSettings
from spine.severity import Severity
from store.engine import Database
from store.entities import read_entities
from store.fold import fold
from store.frames import read_frames
from store.ingest import ingest

T = EventType
SHOP = TenantId("shop")
NOW = datetime.now(UTC).replace(microsecond=0)
HOME, AWAY = "192.0.2.1", "198.51.100.9"
BROWSER, TOOL = "Mozilla/5.0 Firefox/140.0", "python-requests/2.32"


def event(minutes: float, kind: EventType, **more: Any) -> Event:
    given = {"user_id": "u1", "ip": HOME, "user_agent": BROWSER, **more}
    made = f"{kind.value}-{minutes}-{given['user_id']}-{given.get('session_id')}-{given['ip']}-{given.get('drill_id')}"
    return Event(id=made, type=kind, occurred_at=NOW - timedelta(minutes=minutes), tenant_id=SHOP, **given)


def found(database: Database, *events: Event) -> list[Finding]:
    ingest(database, SHOP, list(events))
    with database.system() as connection:
        fold(connection)
        return [f for f in detect(read_frames(connection, NOW), DetectSettings()) if f.margin >= 1]


def names(findings: list[Finding]) -> set[str]:
    return {finding.detector for finding in findings}


def used(minutes: float, **more: Any) -> Event:
    return event(minutes, T.SESSION_USED, **{"session_id": "s1", **more})


STOLEN = used(3, ip=AWAY, user_agent=TOOL)


def test_a_cookie_replayed_by_a_program_elsewhere_is_told_with_where(database: Database) -> None:
    (one,) = found(database, used(30), used(9), STOLEN, used(2, ip=AWAY, user_agent=TOOL))
    assert (one.detector, one.severity, one.subject) == ("session_replayed", Severity.HIGH, subject_of("shop", "u1"))
    assert (one.addresses, one.n) == ((AWAY,), 2)


@pytest.mark.parametrize(
    "events",
    [
        [used(9), used(3, ip=AWAY)],
        [used(9), used(3, user_agent=TOOL)],
        [used(9, user_agent=TOOL), STOLEN],
        [used(2), STOLEN],
        [used(9, session_id="s2"), STOLEN],
        [used(90), STOLEN],
    ],
    ids=["on a relay", "at home", "a program all along", "the browser came later", "another session", "long ago"],
)
def test_what_is_no_replay(database: Database, events: list[Event]) -> None:
    assert found(database, *events) == []


def test_a_headless_browser_is_a_program(database: Database) -> None:
    headless = used(3, ip=AWAY, user_agent="Mozilla/5.0 (X11) HeadlessChrome/150.0")
    assert names(found(database, used(9), headless)) == {"session_replayed"}


def test_a_sender_may_say_that_it_is_a_program(database: Database) -> None:
    said = used(3, ip=AWAY, attributes={"automation": True})
    assert names(found(database, used(9), said)) == {"session_replayed"}


def test_one_session_of_two_users_opens_a_leak_as_well(database: Database) -> None:
    seen = found(database, event(30, T.SESSION_CREATED, session_id="s1"), used(20), used(3, user_id="u2", ip=AWAY))
    assert {(f.kind, f.severity) for f in seen} == {
        (IncidentKind.SESSION_ANOMALIES, Severity.CRITICAL),
        (IncidentKind.TENANT_LEAK_RISK, Severity.HIGH),
    }
    assert {f.users for f in seen} == {("u1", "u2")}
    assert {f.subject for f in seen} == {subject_of("shop", "u1"), "tenant"}


def test_the_sender_s_word_on_whose_session_it_is_is_enough(database: Database) -> None:
    said = event(3, T.SESSION_USED, user_id="u2", attributes={"owner_user_id": "u1"})
    assert {f.users for f in found(database, said)} == {("u1", "u2")}


@pytest.mark.parametrize(
    "events",
    [
        [event(9, T.SESSION_CREATED, session_id="s1"), event(3, T.SESSION_CREATED, session_id="s1", user_id="u2")],
        [used(9), used(3, user_id="support", attributes={"is_admin": True})],
        [event(3, T.SESSION_USED, user_id="support", attributes={"owner_user_id": "u1", "is_admin": True})],
        [used(9, user_id=None), used(3)],
    ],
    ids=["a shared computer", "support acts for a user", "support says so", "before the login"],
)
def test_what_is_no_shared_session(database: Database, events: list[Event]) -> None:
    assert found(database, *events) == []


def reused(minutes: float, **attributes: Any) -> Event:
    return event(minutes, T.SESSION_REFRESH_FAILED, attributes={"refresh_reused": True, **attributes})


def test_a_refresh_reused_late_counts_and_a_retry_or_one_without_an_age_does_not(database: Database) -> None:
    retry = [
        reused(9, reuse_age_seconds=5),
        reused(8),
        reused(7, reuse_age_seconds="99"),
        reused(6, reuse_age_seconds=30),
    ]
    assert found(database, *retry) == []
    (one,) = found(database, reused(5, reuse_age_seconds=600.5), reused(4, reuse_age_seconds=1e300))
    assert (one.detector, one.n, one.observed["seconds_since_first_use"]) == ("refresh_reused", 2, 1_000_000)


def test_four_devices_on_one_session_from_two_addresses(database: Database) -> None:
    devices = [used(9 - n, ip=HOME if n % 2 else AWAY, attributes={"device_id": f"d{n}"}) for n in range(4)]
    assert found(database, *devices[:3]) == []
    assert names(found(database, *devices)) == {"many_devices"}


def rejected(n: int, reason: str | None = "unknown_session", **more: Any) -> list[Event]:
    said = {} if reason is None else {"reject_reason": reason}
    given = {"user_id": None, "ip": AWAY, "attributes": said, **more}
    return [event(3 + n / 30, T.SESSION_REJECTED, **{"session_id": f"x{n}", **given}) for n in range(n)]


def test_many_unknown_ids_of_one_address_are_guesses(database: Database) -> None:
    (one,) = found(database, *rejected(60))
    assert (one.detector, one.subject, one.addresses) == ("guessed_session_ids", "tenant", (AWAY,))
    assert one.observed["ids_5m"] == 60


def test_one_stale_tab_old_sessions_and_an_office_that_lost_its_sessions_are_no_guesses(database: Database) -> None:
    office = [event(20, T.LOGIN_SUCCEEDED, user_id=f"u{n}", ip="203.0.113.7") for n in range(3)]
    assert found(
        database, *rejected(80, session_id="same"), *rejected(80, "expired", ip="203.0.113.1"),
        *rejected(80, ip="203.0.113.7"), *office,
    ) == []  # fmt: skip


def admin(minutes: float, kind: EventType = T.ADMIN_ACTION, **attributes: Any) -> Event:
    return event(minutes, kind, user_id="root", attributes=attributes)


@pytest.mark.parametrize(
    ("events", "name", "severity"),
    [
        ([admin(8, T.MFA_FAILED, first_factor_ok=True, is_admin=True)], "admin_second_factor_failed", Severity.HIGH),
        ([admin(8, T.ADMIN_LOGIN_FAILED, first_factor_ok=True)], "admin_second_factor_failed", Severity.HIGH),
        ([admin(n, T.MFA_DENIED, is_admin=True) for n in range(1, 6)], "admin_pushes_denied", Severity.HIGH),
        (
            [admin(25, T.ADMIN_LOGIN, device_new=True), admin(2, admin_action="api_key_created")],
            "admin_change_on_new_device", Severity.CRITICAL,
        ),
        ([admin(2, admin_action="idp_created")], "admin_new_identity_provider", Severity.HIGH),
        (
            [admin(9, admin_action="admin_invited"), *(admin(n, admin_action="admin_deleted") for n in (2, 1))],
            "admins_replaced", Severity.CRITICAL,
        ),
    ],
)  # fmt: skip
def test_facts_of_administrators(database: Database, events: list[Event], name: str, severity: Severity) -> None:
    (one,) = found(database, *events)
    assert (one.detector, one.severity, one.users) == (name, severity, ("root",))


@pytest.mark.parametrize(
    "events",
    [
        [admin(8, T.MFA_FAILED, first_factor_ok=True, is_admin=True), admin(7.5, T.ADMIN_LOGIN)],
        [admin(2, T.MFA_FAILED, first_factor_ok=True, is_admin=True)],
        [admin(8, T.MFA_FAILED, is_admin=True)],
        [event(8, T.MFA_FAILED, attributes={"first_factor_ok": True})],
        [admin(n, T.MFA_DENIED, is_admin=True) for n in (1, 6, 13, 20, 27)],
        [admin(45, T.ADMIN_LOGIN, device_new=True), admin(2)],
        [admin(9, T.ADMIN_LOGIN, device_new=True), admin(2, allowed=False)],
        [admin(2, admin_action="idp_created", allowed=False)],
        [admin(30, admin_action="admin_invited"), *(admin(n, admin_action="admin_deleted") for n in (2, 1))],
        [admin(n, admin_action="admin_deleted") for n in (3, 2, 1)],
    ],
    ids=[
        "mistyped", "may still come", "nobody says that the password was right", "no administrator", "spread out",
        "long after the login", "refused", "no provider came of it", "invited long before", "nobody came in",
    ],
)  # fmt: skip
def test_what_is_no_fact_of_administrators(database: Database, events: list[Event]) -> None:
    assert found(database, *events) == []


def test_somebody_is_an_administrator_by_habit(database: Database) -> None:
    failed = event(8, T.MFA_FAILED, user_id="root", attributes={"first_factor_ok": True})
    assert names(found(database, admin(300, T.ADMIN_LOGIN), failed)) == {"admin_second_factor_failed"}


def test_a_drill_is_told_apart(database: Database) -> None:
    drill = {"synthetic": True, "drill_id": "d1"}
    (one,) = found(database, used(9, **drill), used(3, ip=AWAY, user_agent=TOOL, **drill), STOLEN)
    assert (one.detector, one.drill_id) == ("session_replayed", "d1")
    assert found(database, used(8, session_id="s9", **drill), used(2, session_id="s9", ip=AWAY, user_agent=TOOL)) == [
        one
    ]


def test_nothing_looks_ahead_or_far_back(database: Database) -> None:
    ingest(database, SHOP, [used(9), STOLEN])
    with database.system() as connection:
        assert read_entities(connection, NOW - timedelta(minutes=4)).facts.empty
        assert len(read_entities(connection, NOW).facts) == 1
        assert read_entities(connection, NOW + timedelta(minutes=60)).facts.empty
