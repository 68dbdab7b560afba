"""Facts about tokens: one accepted that should not have been, and refusals that are nobody's fault."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from spine.detect import detect
from spine.event import Event, EventType
from spine.finding import Finding
from spine.ids import TenantId
from spine.incident import IncidentKind
from spine.settings.detect import DetectSettings
from spine.severity import Severity
from store.engine import Database
from store.fold import fold
from store.frames import read_frames
from store.ingest import ingest
from tasks.rarity import rare_minutes

T = EventType
SHOP = TenantId("shop")
NOW = datetime.now(UTC).replace(microsecond=0)
NAME = "unsound_token_accepted"


def event(number: int, kind: EventType, *, minutes: float = 3, **more: Any) -> Event:
    given = {"user_id": f"u{number}", "ip": f"192.0.2.{number % 200 + 1}", **more}
    at = NOW - timedelta(minutes=minutes, seconds=number % 60)
    return Event(id=f"{kind.value}-{number}-{minutes}", type=kind, occurred_at=at, tenant_id=SHOP, **given)


def accepted(number: int = 0, minutes: float = 3, drill: str | None = None, **said: Any) -> Event:
    marks = {"synthetic": True, "drill_id": drill} if drill else {}
    return event(number, T.JWT_ACCEPTED, minutes=minutes, attributes=said, **marks)


def refused(n: int, *, kids: int = 1, people: int = 40, reason: str | None = "unknown_kid", **said: Any) -> list[Event]:
    return [
        event(
            k, T.JWT_VALIDATION_ERROR, minutes=3 + k % 9, user_id=f"u{k % people}", ip=f"192.0.2.{k % people + 1}",
            attributes={"reject_reason": reason, "kid": f"K{k % kids}", **said},
        )
        for k in range(n)
    ]  # fmt: skip


def found(database: Database, *events: Event) -> list[Finding]:
    ingest(database, SHOP, list(events))
    with database.system() as connection:
        fold(connection)
    with database.system() as connection:
        seen = detect(read_frames(connection, NOW), DetectSettings())
    return [f for f in seen if f.margin >= 1 and f.kind is IncidentKind.JWT_VALIDATION_ERRORS]


@pytest.mark.parametrize(
    "said",
    [
        {"alg": "none"},
        {"alg": "None "},
        {"alg_allowed": False},
        {"kid_trusted": False},
        {"binding_ok": False},
        {"url_trusted": False},
    ],
    ids=str,
)
def test_one_accepted_token_that_should_have_been_refused_is_critical(database: Database, said: dict[str, Any]) -> None:
    (one,) = found(database, accepted(**said), accepted(1, kid_trusted=True, alg="RS256", binding_ok=True))
    assert (one.detector, one.severity, one.subject, one.n) == (NAME, Severity.CRITICAL, "tenant", 1)


@pytest.mark.parametrize(
    "event",
    [accepted(alg="RS256", kid_trusted=True), accepted(kid_trusted="false"), accepted(minutes=70, kid_trusted=False)],
    ids=["sound", "no flag", "long ago"],
)
def test_what_is_sound_or_old_is_no_fact(database: Database, event: Event) -> None:
    assert found(database, event) == []


def test_the_token_of_a_drill_is_the_drills_alone(database: Database) -> None:
    (one,) = found(database, accepted(kid_trusted=False, drill="d1"))
    assert (one.synthetic, one.drill_id) == (True, "d1")


def test_refusals_of_a_key_that_many_bear_are_found(database: Database) -> None:
    (one,) = found(database, *refused(120))
    assert one.detector == "jwt_rejects_of_tenant"


@pytest.mark.parametrize(
    "events",
    [
        pytest.param(refused(120, kids=120, people=2), id="made-up keys from two addresses"),
        pytest.param(refused(120, reason="expired"), id="expired"),
        pytest.param(refused(120, reason="expired", clock_skew_seconds=59), id="a minute off"),
        pytest.param(refused(120, reason="not_yet_valid", clock_skew_seconds=-59), id="a minute early"),
        pytest.param(refused(120, reason="alg_none"), id="forged"),
    ],
)
def test_what_is_refused_as_it_should_be_opens_nothing(database: Database, events: list[Event]) -> None:
    assert found(database, *events) == []


@pytest.mark.parametrize(
    "events",
    [
        pytest.param(refused(120, reason="expired", clock_skew_seconds=300), id="a clock that is off"),
        pytest.param(refused(120, reason=None), id="nobody says why"),
        pytest.param(refused(120, kids=2, people=2), id="two people of a small tenant"),
        pytest.param([*refused(120, kids=120, people=2), *(
            event(k + 500, T.JWT_VALIDATION_ERROR, attributes={"reject_reason": "bad_signature"}) for k in range(40)
        )], id="a fault behind the noise"),
    ],
)  # fmt: skip
def test_what_may_be_a_fault_is_found(database: Database, events: list[Event]) -> None:
    assert [f.detector for f in found(database, *events)] == ["jwt_rejects_of_tenant"]


@pytest.mark.parametrize(("good", "severity"), [(0, 1), (700, 1), (250, 2), (40, 3)])
def test_the_share_of_tokens_that_is_refused_makes_it_graver_where_accepted_ones_are_told(
    database: Database, good: int, severity: int
) -> None:
    others = [event(k + 1000, T.JWT_ACCEPTED, minutes=3 + k % 9) for k in range(good)]
    (one,) = found(database, *refused(120), *others)
    assert one.severity == severity


def test_a_replay_looks_at_the_minute_of_a_wrong_token() -> None:
    events = [accepted(0, minutes=30, kid_trusted=False), accepted(1, minutes=20, kid_trusted=True)]
    frame = pd.DataFrame([one.model_dump(mode="python") for one in events])
    flags = rare_minutes(frame, DetectSettings(), NOW - timedelta(minutes=60), 60)
    assert flags.nonzero()[0].tolist() == [30]


@pytest.mark.parametrize("said", [{"state_ok": False}, {"nonce_ok": False}, {"redirect_ok": False}], ids=str)
def test_one_callback_let_in_past_a_check_is_critical(database: Database, said: dict[str, Any]) -> None:
    fine = [event(k, T.OAUTH_CALLBACK_OK, provider="google", attributes={"state_ok": True}) for k in range(1, 30)]
    passed = event(0, T.OAUTH_CALLBACK_OK, provider="google", attributes=said)
    ingest(database, SHOP, [*fine, passed])
    with database.system() as connection:
        fold(connection)
    with database.system() as connection:
        seen = detect(read_frames(connection, NOW), DetectSettings())
    (one,) = [f for f in seen if f.margin >= 1]
    assert (one.kind, one.detector) == (IncidentKind.OAUTH_CALLBACK_ERRORS, "unsound_callback_accepted")
    assert (one.severity, one.observed["accepted"]) == (Severity.CRITICAL, 1)
