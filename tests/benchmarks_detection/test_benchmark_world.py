"""Worlds: the same again from the same seed, with a truth that fits the events, and nothing given away."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from benchmarks.detection import unit, world
from benchmarks.detection.batch import KINDS, NONE, Batch
from benchmarks.detection.export import frame
from benchmarks.detection.preset import PRESETS
from benchmarks.detection.truth import EVERYBODY, TYPES
from benchmarks.detection.world import World, make
from spine.event import EventLimits
from store.columnar import FrameCheck

TINY = PRESETS["tiny"]
SIGNALS = {
    "FAILED_LOGINS_SPIKE": {"login_failed", "login_succeeded"},
    "PASSWORD_RESET_FAILURES": {"password_reset_requested", "password_reset_failed"},
    "EMAIL_VERIFICATION_FAILURES": {"email_verification_sent", "email_verification_failed"},
    "OAUTH_CALLBACK_ERRORS": {"oauth_callback_error"},
    "JWT_VALIDATION_ERRORS": {"jwt_validation_error"},
    "TENANT_LEAK_RISK": {"tenant_scope_violation"},
    "SESSION_ANOMALIES": {"session_created"},
    "SUSPICIOUS_ADMIN_LOGIN": {"admin_login", "login_failed"},
}
SLACK = 900
"""Seconds: failures before an intruder's login, a slot of five minutes, a mail's delay."""


@pytest.fixture(scope="module")
def tiny() -> tuple[World, Batch]:
    return make(TINY, 7)


def test_a_seed_gives_the_same_world_again(tiny: tuple[World, Batch]) -> None:
    again, events = make(TINY, 7)
    assert frame(again, events).equals(frame(*tiny))
    assert again.incidents == tiny[0].incidents
    assert again.episodes == tiny[0].episodes


def test_another_seed_gives_another_world(tiny: tuple[World, Batch]) -> None:
    other, events = make(TINY, 8)
    assert [i.start for i in other.incidents] != [i.start for i in tiny[0].incidents]
    assert len(events) != len(tiny[1])


def test_all_eighteen_kinds_of_incident_and_all_eight_types_occur(tiny: tuple[World, Batch]) -> None:
    there = Counter(incident.subtype for incident in tiny[0].incidents)
    assert there.keys() == {u.name for u in unit.incidents()} | {"mail_outage_v"}
    assert len(unit.incidents()) == 18
    assert {incident.type for incident in tiny[0].incidents} == set(TYPES)


def test_the_truth_fits_the_events(tiny: tuple[World, Batch]) -> None:
    made, events = tiny
    for incident in made.incidents:
        own = events[events.incident == incident.id]
        assert len(own) == incident.events
        if len(own):
            assert {KINDS[k] for k in own.kind} <= SIGNALS[incident.type]
            assert incident.start - SLACK <= own.at.min() <= own.at.max() <= incident.end + SLACK
            tenants = set(own.tenant.tolist())
            assert tenants <= (set(incident.affected) if incident.tenant == EVERYBODY else {incident.tenant})
            assert incident.user is None or set(own.user.tolist()) == {incident.user}


def test_an_incident_too_faint_for_anybody_is_not_observable(tiny: tuple[World, Batch]) -> None:
    for incident in tiny[0].incidents:
        if incident.type == "FAILED_LOGINS_SPIKE":
            assert incident.observable == (incident.events >= 6)
    assert any(incident.observable for incident in tiny[0].incidents)


def test_incidents_begin_after_the_history(tiny: tuple[World, Batch]) -> None:
    made, events = tiny
    assert min(incident.start for incident in made.incidents) >= TINY.history_days * 86400
    assert max(incident.end for incident in made.incidents) <= TINY.days * 86400
    assert (events.incident[events.at < TINY.history_days * 86400 - SLACK] == NONE).all()


def test_incidents_of_a_type_keep_six_hours_apart(tiny: tuple[World, Batch]) -> None:
    made = sorted(tiny[0].incidents, key=lambda incident: incident.start)
    for number, one in enumerate(made):
        for other in made[number + 1 :]:
            if one.type == other.type and (one.tenant == other.tenant or EVERYBODY in (one.tenant, other.tenant)):
                assert other.start - one.end > 6 * 3600 - SLACK


def test_events_are_in_order_inside_the_world(tiny: tuple[World, Batch]) -> None:
    at = tiny[1].at
    assert (np.diff(at) >= 0).all()
    assert at[0] >= 0
    assert at[-1] < TINY.days * 86400


def test_ingest_takes_every_row_and_no_column_tells_the_truth(tiny: tuple[World, Batch]) -> None:
    rows = frame(*tiny)
    check = FrameCheck(tenant=None, now=datetime(2026, 3, 1, tzinfo=UTC), limits=EventLimits(max_age=timedelta(400)))
    checked = check.check(pa.Table.from_pandas(rows, preserve_index=False))
    assert checked.refused == {}
    assert set(rows.columns) == {
        "id", "type", "occurred_at", "tenant_id", "user_id", "provider", "ip", "country", "user_agent",
        "resource_tenant_id",
    }  # fmt: skip
    assert not (checked.table["type"].to_pandas() == "other").any()


def test_taking_a_look_alike_away_leaves_the_rest_as_it_was(
    tiny: tuple[World, Batch], monkeypatch: pytest.MonkeyPatch
) -> None:
    fewer = tuple(u for u in unit.lookalikes() if u.name != "retry_storm")
    monkeypatch.setattr(world, "lookalikes", lambda: fewer)
    made, events = make(TINY, 7)
    storms = [episode for episode in tiny[0].episodes if episode.name == "retry_storm"]
    assert storms
    assert made.incidents == tiny[0].incidents
    assert len(tiny[1]) > len(events)
    rest = tiny[1].kind != KINDS.index("login_failed")
    assert np.array_equal(tiny[1].at[rest], events.at[events.kind != KINDS.index("login_failed")])


def test_a_file_is_all_that_a_new_unit_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import benchmarks.detection.lookalike as package

    (tmp_path / "full_moon.py").write_text(
        "from benchmarks.detection.unit import Unit\nUNIT = Unit(name='full_moon', about='nothing at all')\n"
    )
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    unit.lookalikes.cache_clear()
    try:
        assert "full_moon" in {found.name for found in unit.lookalikes()}
    finally:
        unit.lookalikes.cache_clear()


@pytest.mark.parametrize("name", PRESETS)
def test_presets_leave_room_for_history_and_incidents(name: str) -> None:
    preset = PRESETS[name]
    assert 0 < preset.history_days < preset.days
    assert preset.count(14) >= 3


def test_a_shifted_world_has_weaker_attacks_and_more_trouble() -> None:
    usual, shifted = PRESETS["small"], PRESETS["small-shifted"]
    assert shifted.attack_events < usual.attack_events
    assert shifted.lookalike_rate > usual.lookalike_rate
    assert shifted.benign_failures > usual.benign_failures
    assert (shifted.tenants, shifted.days) == (usual.tenants, usual.days)
