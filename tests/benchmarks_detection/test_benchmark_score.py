"""The scorer's rules of matching, case by case."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from benchmarks.detection.score import Score, score

ORIGIN = datetime(2026, 1, 5, tzinfo=UTC)
DAY = 86400
LOGIN, LEAK, SESSION, OAUTH = (
    "FAILED_LOGINS_SPIKE", "TENANT_LEAK_RISK", "SESSION_ANOMALIES", "OAUTH_CALLBACK_ERRORS"
)  # fmt: skip


def incident(number: int, type: str, tenant: int, start: float, minutes: float = 60, **more: Any) -> dict[str, Any]:
    return {
        "id": number, "type": type, "subtype": more.pop("subtype", type.lower()), "tenant": tenant, "start": start,
        "end": start + 60 * minutes, "observable": more.pop("observable", True), "affected": [], **more,
    }  # fmt: skip


def truth(*incidents: dict[str, Any]) -> dict[str, Any]:
    return {"origin": ORIGIN.isoformat(), "tenants": 10, "days": 42, "warm_days": 28, "incidents": list(incidents)}


def line(type: str, tenant: int | None, at: float, user: str | None = None) -> dict[str, Any]:
    opened = (ORIGIN + timedelta(seconds=at)).isoformat()
    told = {"type": type, "tenant_id": None if tenant is None else f"t{tenant:04d}", "opened_at": opened}
    return {**told, **({"user_id": user} if user else {})}


def judged(there: dict[str, Any], *lines: dict[str, Any]) -> Score:
    found = Score()
    found.add(there, lines)
    return found


T = 30 * DAY
"""When the incident of most cases starts; it lasts an hour."""


@pytest.mark.parametrize(
    ("at", "outcome"),
    [
        (T - 3, "collateral"),
        (T - 2, "found"),
        (T + 600, "found"),
        (T + 3600 + 1800, "found"),
        (T + 3600 + 1801, "collateral"),
        (T + 3600 + 7200, "collateral"),
        (T + 3600 + 7201, "false"),
        (T - 1800, "collateral"),
        (T - 1801, "false"),
    ],
)
def test_when_a_line_hits_is_near_or_false(at: float, outcome: str) -> None:
    tally = judged(truth(incident(0, LOGIN, 3, T)), line(LOGIN, 3, at)).types[LOGIN]
    assert {name: getattr(tally, name) for name in ("found", "collateral", "false")} == {
        name: int(name == outcome) for name in ("found", "collateral", "false")
    }


def test_a_second_line_is_a_duplicate_and_costs_openings_not_precision() -> None:
    found = judged(truth(incident(0, LOGIN, 3, T)), line(LOGIN, 3, T + 60), line(LOGIN, 3, T + 120))
    tally = found.types[LOGIN]
    assert (tally.found, tally.duplicates, tally.precision, tally.openings) == (1, 1, 1.0, 2.0)
    assert tally.minutes == [1.0]


def test_lines_are_taken_in_order_of_time() -> None:
    found = judged(truth(incident(0, LOGIN, 3, T)), line(LOGIN, 3, T + 600), line(LOGIN, 3, T + 60))
    assert found.types[LOGIN].minutes == [1.0]


def test_another_tenant_is_a_false_alert() -> None:
    assert judged(truth(incident(0, LOGIN, 3, T)), line(LOGIN, 4, T + 60)).types[LOGIN].false == 1


def test_the_wrong_name_for_a_real_trouble_is_collateral() -> None:
    found = judged(truth(incident(0, LOGIN, 3, T)), line(SESSION, 3, T + 60))
    assert (found.types[SESSION].collateral, found.types[SESSION].false, found.types[LOGIN].found) == (1, 0, 0)


@pytest.mark.parametrize(("tenant", "found"), [(None, 1), (2, 1), (5, 0)])
def test_an_incident_of_everybody_is_hit_by_lines_of_everybody_and_of_whom_it_affects(
    tenant: int | None, found: int
) -> None:
    common = incident(0, OAUTH, -1, T) | {"affected": [1, 2]}
    tally = judged(truth(common), line(OAUTH, tenant, T + 60)).types[OAUTH]
    assert (tally.found, tally.collateral) == (found, 1 - found)


def test_a_line_of_everybody_does_not_hit_one_tenants_incident() -> None:
    tally = judged(truth(incident(0, OAUTH, 3, T)), line(OAUTH, None, T + 60)).types[OAUTH]
    assert (tally.found, tally.collateral) == (0, 1)


@pytest.mark.parametrize(("user", "found"), [("t0003-u7", 1), ("t0003-u8", 0), (None, 1)])
def test_the_user_must_be_the_right_one_where_both_name_one(user: str | None, found: int) -> None:
    tally = judged(truth(incident(0, SESSION, 3, T, user=7)), line(SESSION, 3, T + 60, user)).types[SESSION]
    assert tally.found == found


def test_the_history_does_not_count() -> None:
    found = judged(truth(incident(0, LOGIN, 3, T)), line(LOGIN, 4, 28 * DAY - 1))
    assert found.types[LOGIN].false == 0


def test_what_nobody_can_see_is_not_asked_for() -> None:
    found = judged(truth(incident(0, LOGIN, 3, T, observable=False)), line(LOGIN, 3, T + 60))
    assert (found.types[LOGIN].there, found.types[LOGIN].collateral) == (0, 1)
    assert found.summary()["macro_f1"] is None


def test_figures_over_a_world() -> None:
    there = truth(incident(0, LOGIN, 1, T), incident(1, LOGIN, 2, T), incident(2, LEAK, 3, T))
    found = judged(there, line(LOGIN, 1, T + 300), line(LOGIN, 7, T), line(LEAK, 3, T + 60), line(LEAK, 3, T + 90))
    table = found.table()
    assert (table[LOGIN]["recall"], table[LOGIN]["precision"], table[LOGIN]["f1"]) == (0.5, 0.5, 0.5)
    assert (table[LEAK]["f1"], table[LEAK]["opened_per_incident"]) == (1.0, 2.0)
    assert table[LOGIN]["false_per_tenant_week"] == 0.05  # one in two weeks of ten tenants
    assert found.summary() == {
        "macro_f1": 0.75, "worst_f1": 0.5, "false_per_tenant_week": 0.05, "ttd_p50_min": 5.0, "ttd_p95_min": 5.0,
        "openings_per_incident": 1.5,
    }  # fmt: skip


def test_times_of_a_slow_spray_stand_apart() -> None:
    there = truth(incident(0, LOGIN, 1, T, subtype="spray_slow", minutes=900), incident(1, LOGIN, 2, T))
    table = judged(there, line(LOGIN, 1, T + 3600), line(LOGIN, 2, T + 60)).table()
    assert table[LOGIN]["ttd_p50_min"] == 1.0
    assert table[LOGIN]["slow_spray"]["ttd_p50_min"] == 60.0


def test_worlds_add_up(tmp_path: Path) -> None:
    (tmp_path / "truth.json").write_text(json.dumps(truth(incident(0, LOGIN, 1, T))))
    (tmp_path / "hit.jsonl").write_text(json.dumps(line(LOGIN, 1, T)) + "\n")
    (tmp_path / "none.jsonl").write_text("")
    total = score(
        [(tmp_path / "truth.json", tmp_path / "hit.jsonl"), (tmp_path / "truth.json", tmp_path / "none.jsonl")]
    )
    assert total.types[LOGIN].recall == 0.5
    assert total.tenant_weeks == 40
