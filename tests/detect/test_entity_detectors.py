"""Few events, judged by history: who fires, who does not, how grave it is, and what a drill may know."""

from dataclasses import replace
from datetime import timedelta
from itertools import combinations
from typing import Any

import pytest

from spine.detect import detect
from spine.detect.entity.example import entity_frames, rows
from spine.detect.entity.frames import EntityFrames
from spine.detect.entity.sighting import subject_of
from spine.detect.episode import causes, opening
from spine.detect.example import NOW
from spine.detect.summary import facts, merged
from spine.finding import Finding
from spine.incident import IncidentKind
from spine.place import CENTROIDS, distance_km
from spine.settings.detect import DetectSettings
from spine.severity import Severity

ABROAD = {"country": "JP", "at": 5, "other_country": "DE", "other_at": 35}
HABIT = {"country": "DE", "address": "192.0.2.1", "agent": "7", "hour": "9"}


def found(**frames: Any) -> list[Finding]:
    return detect(entity_frames(**frames), DetectSettings())


def habits(n: int, user: str = "u1") -> Any:
    return rows("habits", *({"user_id": user, "what": w, "value": v, "n": n} for w, v in HABIT.items()))


def login(**given: Any) -> dict[str, Any]:
    """A login from a new country, address and device."""
    return {"at": 3, "ip": "192.0.2.7", "agent": "8", "country": "FR", **given}


def test_one_user_s_anomaly_is_an_incident_of_its_own() -> None:
    seen = found(places=rows("places", ABROAD, {**ABROAD, "user_id": "u2"}))
    assert [cause.subject for cause in causes(seen)] == sorted([subject_of("t1", "u1"), subject_of("t1", "u2")])
    assert {f.users for f in seen} == {("u1",), ("u2",)}
    assert all("u1" not in f.subject for f in seen)


def test_a_place_without_a_centroid_says_nothing() -> None:
    assert found(places=rows("places", {**ABROAD, "country": "ZZ"}, {**ABROAD, "other_country": None})) == []


def test_travel_counts_in_both_directions_of_time() -> None:
    """The session at home may begin after the one abroad."""
    (one,) = found(places=rows("places", {**ABROAD, "at": 35, "other_at": 5}))
    assert one.margin > 1
    assert one.observed["hours"] == pytest.approx(0.5)


def test_a_vpn_of_the_user_s_own_device_is_told_and_opens_nothing() -> None:
    (one,) = found(places=rows("places", {**ABROAD, "new_device": False}))
    assert one.margin < 1
    assert one.severity is Severity.INFO
    assert opening([one], None) == []


def test_two_signals_on_one_user_or_many_users_are_graver() -> None:
    flood = {"sessions": 20, "addresses": 3, "first_at": 20, "last_at": 1, "ips": ["192.0.2.1", "192.0.2.2"]}
    both = found(places=rows("places", ABROAD), sessions=rows("sessions", flood, {**flood, "user_id": "u2"}))
    assert {(f.users[0], f.severity) for f in both} == {("u1", Severity.HIGH), ("u2", Severity.MEDIUM)}
    many = found(places=rows("places", *({**ABROAD, "user_id": f"u{n}"} for n in range(50))))
    assert {f.severity for f in many} == {Severity.CRITICAL}


def test_a_single_violation_is_evidence_and_no_incident() -> None:
    (one,) = found(crossings=rows("crossings", {"at": 5}))
    assert (one.severity, one.n) == (Severity.INFO, 1)
    assert one.margin < 1


@pytest.mark.parametrize(
    ("second", "fires"),
    [({"user_id": "u2"}, True), ({"resource_tenant_id": "t3"}, True), ({"user_id": None}, False), ({}, False)],
    ids=["two users", "two tenants", "nobody named", "a stale link"],
)
def test_violations_fire_by_users_or_tenants(second: dict[str, Any], fires: bool) -> None:
    (one,) = found(crossings=rows("crossings", {"at": 50}, {"at": 5, **second}))
    assert (one.margin >= 1) is fires


def test_violations_after_an_incident_ended_are_news() -> None:
    crossings = [{"at": at, "user_id": f"u{at}"} for at in (300, 295, 20, 10)]
    (one,) = found(crossings=rows("crossings", *crossings))
    assert one.n == 4
    assert opening([one], NOW - timedelta(minutes=60)) == [one]
    assert opening([one], NOW - timedelta(minutes=15)) == []


def test_an_access_that_was_let_through_fires_at_once_and_gravest() -> None:
    seen = {f.detector: f for f in found(crossings=rows("crossings", {"at": 300, "allowed": True}, {"at": 2}))}
    confirmed = seen["confirmed_cross_tenant_access"]
    assert confirmed.severity is Severity.CRITICAL
    assert opening([confirmed], None) == [confirmed]
    assert opening([confirmed], NOW - timedelta(minutes=200)) == []


def test_a_probe_that_failed_twice_is_high() -> None:
    (one,) = found(crossings=rows("crossings", {"at": 50, "probe": True}, {"at": 5, "probe": True}))
    assert (one.detector, one.severity) == ("isolation_probe_failed", Severity.HIGH)


def test_an_admin_without_habits_cannot_break_them() -> None:
    assert found(admins=rows("admins", login()), habits=habits(4)) == []
    (one,) = found(admins=rows("admins", login()), habits=habits(8))
    assert one.kind is IncidentKind.SUSPICIOUS_ADMIN_LOGIN


def test_few_logins_cap_the_severity_and_an_action_raises_it() -> None:
    severities = {
        (n, acted): found(admins=rows("admins", login(acted=acted, at=12 * 60)), habits=habits(n))[0].severity
        for n in (9, 60)
        for acted in (False, True)
    }
    assert severities == {
        (9, False): Severity.MEDIUM, (9, True): Severity.CRITICAL,
        (60, False): Severity.HIGH, (60, True): Severity.CRITICAL,
    }  # fmt: skip


def test_two_admins_at_once_are_critical() -> None:
    seen = found(
        admins=rows("admins", login(), login(user_id="u2")),
        habits=rows("habits", *({"user_id": u, "what": w, "value": v, "n": 30} for u in ("u1", "u2")
                                for w, v in HABIT.items())),
    )  # fmt: skip
    assert [f.severity for f in seen] == [Severity.CRITICAL] * 2


def test_logins_of_the_hour_are_judged_by_those_before_them() -> None:
    """The fold has counted the break-in already; that makes it no habit."""
    counted = rows(
        "habits",
        *({"what": w, "value": v, "n": 20} for w, v in HABIT.items()),
        *({"what": w, "value": v, "n": 3} for w, v in {"country": "FR", "address": "192.0.2.7", "agent": "8"}.items()),
    )
    three = [login(at=at) for at in (30, 20, 10)]
    (one,) = found(admins=rows("admins", *three), habits=counted)
    assert one.first_event_at == NOW - timedelta(minutes=30)
    assert one.last_event_at == NOW - timedelta(minutes=10)


def test_a_country_known_from_sessions_is_not_new() -> None:
    away = login(agent="7", other_country="US", other_at=20, at=12 * 60)
    assert len(found(admins=rows("admins", {**away, "agent": "8"}), habits=habits(20))) == 1
    assert found(admins=rows("admins", {**away, "agent": "7", "country_seen": True}), habits=habits(20)) == []


def test_the_usual_device_does_not_travel() -> None:
    """It is behind a VPN, or on a journey; another one that is there within minutes is somebody else's."""
    vpn = login(agent="7", other_country="US", other_at=20)
    assert found(admins=rows("admins", vpn), habits=habits(20)) == []
    (one,) = found(admins=rows("admins", {**vpn, "agent": "8"}), habits=habits(20))
    assert one.observed["bits_travel"] == 3


def test_what_is_sure_may_not_be_silenced() -> None:
    seen = found(
        admins=rows("admins", login(break_glass=True)), crossings=rows("crossings", {"at": 3, "allowed": True})
    )
    assert facts(merged({}, seen, 10)) == {"break_glass_login", "confirmed_leak"}
    assert {f.severity for f in seen if f.detector == "break_glass_login"} == {Severity.HIGH}
    assert facts(merged({}, found(crossings=rows("crossings", {"at": 3})), 10)) == frozenset()


def test_missing_parts_surprise_nobody() -> None:
    blank = {"at": 3, "ip": None, "agent": None, "country": None}
    assert found(admins=rows("admins", blank), habits=habits(20)) == []


def test_a_drill_is_judged_on_its_own_events_alone() -> None:
    drill = {"synthetic": True, "drill_id": "d1"}
    usual = {"country": "FR", "agent": "8", "ip": "192.0.2.7"}
    admins = [{"at": 50 - n, **usual, **drill} for n in range(9)]
    odd = {"at": 1, "country": "BR", "agent": "9", "ip": "192.0.2.9", **drill}
    entities = EntityFrames(
        admins=rows("admins", *admins, odd),
        habits=habits(50),
        places=rows("places", {**ABROAD, **drill}, {**ABROAD, "user_id": "u2"}),
        crossings=rows("crossings", {"at": 9, "user_id": "u1", **drill}, {"at": 8, "user_id": "u2"}),
    )
    seen = detect(replace(entity_frames(), entities=entities), DetectSettings())
    assert {(f.detector, f.drill_id, f.synthetic) for f in seen if f.margin >= 1} == {
        ("admin_login_surprise", "d1", True),
        ("impossible_travel", "d1", True),
        ("impossible_travel", None, False),
    }


def test_every_country_has_a_place_and_neighbours_are_near() -> None:
    assert all(-90 <= lat <= 90 and -180 <= lon <= 180 for lat, lon in CENTROIDS.values())
    assert distance_km("DE", "FR") == pytest.approx(790, abs=80)
    assert distance_km("US", "JP") == pytest.approx(10_100, abs=300)
    assert distance_km("FJ", "WS") == pytest.approx(1_140, abs=150)  # across the date line
    assert distance_km("DE", "ZZ") is None
    for one, other in combinations(("US", "DE", "AU", "BR"), 2):
        assert distance_km(one, other) == distance_km(other, one)
