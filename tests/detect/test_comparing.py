"""What a comparison of two backtests tells: opened, missed, regraded, moved, asked and affected."""

from typing import Any

import pytest

from spine.severity import Severity
from tasks.comparing import compare, markdown, rows


def line(at: str, tenant: str | None = "t1", *, severity: Severity = Severity.MEDIUM, **more: Any) -> dict[str, Any]:
    return {
        "type": "FAILED_LOGINS_SPIKE", "tenant_id": tenant, "subject": "tenant", "severity": severity.value,
        "opened_at": f"2026-03-02T{at}:00+00:00", "evidence": {"detectors": {"address_bucket": {}}}, **more,
    }  # fmt: skip


ADVICE = {"gates": {"approve": 1, "allow": 2}, "legitimate_users_hit": 3, "steps": ["rate_limit (allow)"]}


def test_what_one_change_opens_misses_moves_and_grades_differently() -> None:
    before = [line("10:00"), line("15:00", advice=ADVICE), line("20:00", "t2")]
    after = [line("10:04", severity=Severity.HIGH), line("20:00", "t2"), line("20:00", None, advice=ADVICE)]
    (found,) = compare(before, after).values()
    assert [one["opened_at"][11:16] for one in found.missed] == ["15:00"]
    assert [one["tenant_id"] for one in found.opened] == [None]
    assert [(a["severity"], b["severity"]) for a, b in found.regraded] == [(Severity.MEDIUM, Severity.HIGH)]
    assert found.minutes_later == 4
    assert rows(compare(before, after)) == [
        ("FAILED_LOGINS_SPIKE", "3", "3", "1", "1", "1", "+4.0", "2 allow, 1 approve", "3")
    ]


@pytest.mark.parametrize(("apart", "same"), [("11:59", True), ("12:01", False)])
def test_one_cause_within_two_hours_is_the_same_incident(apart: str, same: bool) -> None:
    (found,) = compare([line("10:00")], [line(apart)]).values()
    assert len(found.both) == same
    assert len(found.missed) == len(found.opened) == (not same)


def test_two_openings_of_one_cause_are_paired_one_to_one() -> None:
    (found,) = compare([line("10:00")], [line("10:10"), line("11:00")]).values()
    assert [b["opened_at"][11:16] for _, b in found.both] == ["10:10"]
    assert [b["opened_at"][11:16] for b in found.opened] == ["11:00"]


def test_the_report_for_a_pull_request() -> None:
    told = markdown(
        compare([line("10:00", "t2")], [line("12:00", None, advice=ADVICE)]), what="w", before="main", after="new"
    )
    assert told.startswith("## Backtest: new against main\n\nw\n\n| type |")
    assert "### Opened in addition\n\n- 2026-03-02T12:00:00+00:00 FAILED_LOGINS_SPIKE of all tenants, medium" in told
    assert "would propose rate_limit (allow)" in told
    assert "### Missed\n\n- 2026-03-02T10:00:00+00:00 FAILED_LOGINS_SPIKE of t2" in told
    same = markdown(compare([line("10:00")], [line("10:00")]), what="w", before="main", after="new")
    assert "Nothing would have opened" in same
