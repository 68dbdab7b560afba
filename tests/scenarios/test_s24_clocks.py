"""Scenario 24: senders ten minutes off, a day with a changed hour, and a clock that steps back under a lease."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from spine.ids import TenantId
from spine.lease import LeaseState
from spine.settings import Settings
from store.engine import Database
from store.ingest import ingest_raw
from store.profile import hour_of
from tasks.detecting import tick

ACME, NOW = TenantId("acme"), datetime.now(UTC).replace(microsecond=0)
FLAG = "auth.rateLimit.strict"


def failures(start: datetime, number: int = 200, prefix: str = "a", minutes: float = 5) -> list[dict[str, Any]]:
    """Stuffing of as many users from ten addresses."""
    return [
        {
            "id": f"{prefix}{n:04d}", "type": "login_failed", "user_id": f"u{n}", "ip": f"203.0.113.{n % 10 + 1}",
            "occurred_at": (start + timedelta(minutes=minutes) * n / number).isoformat(),
        }
        for n in range(number)
    ]  # fmt: skip


@pytest.mark.parametrize("off", [-10, 0, 10, 20])
def test_s24_a_sender_that_is_minutes_off_makes_one_incident(database: Database, off: int) -> None:
    """Ahead by more than the limit is refused and counted, and is news once its time has come; late is counted in its
    own time; nothing opens twice."""
    rows = failures(NOW + timedelta(minutes=off - 6))
    opened = 0
    for minute in range(26):
        now = NOW + timedelta(minutes=minute)
        ingest_raw(database, ACME, rows, now=now)  # the sender tries again until all is taken
        opened += sum(one.is_new for one in tick(database, Settings(), now).openings)
    assert opened == 1
    with database.system() as connection:
        assert connection.execute(text("select count(*) from auth_ops_logs")).scalar_one() == len(rows)
        refused = connection.execute(
            text("select coalesce(sum(n), 0) from auth_ingest_rejects where reason = 'future'")
        ).scalar_one()
    assert (refused > 0) is (off > 10)


@pytest.mark.parametrize("day", [(2026, 3, 29), (2026, 10, 25)], ids=["an hour is missing", "an hour comes twice"])
def test_s24_hours_are_of_utc_whatever_the_zone_of_a_moment(day: tuple[int, int, int]) -> None:
    zone = ZoneInfo("Europe/Berlin")
    began = datetime(*day, tzinfo=UTC)
    local = [(began + timedelta(minutes=10 * k)).astimezone(zone) for k in range(36)]
    hours = [hour_of(moment.astimezone(UTC)) for moment in local]
    assert hours == sorted(hours)
    assert [hours.count(began + timedelta(hours=h)) for h in range(6)] == [6] * 6


def test_s24_a_clock_that_steps_back_during_a_lease_only_delays_its_end(ledger: Any) -> None:
    lease = ledger.apply(ledger.step("rate_limit.strict"))
    ends = ledger.lease(lease.id).expires_at
    ledger.clock.advance(timedelta(minutes=-10))
    assert ledger.tend() == []
    assert ledger.reads(FLAG).value is True
    ledger.clock.advance(ends - ledger.clock.now() + timedelta(seconds=1))
    (ended,) = ledger.tend()
    assert ended.after is LeaseState.REVERTED
    assert ledger.reads(FLAG).value is False
