"""Scenario 40: what a mitigation refuses does not feed the detector that asked for it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from spine.ids import TenantId
from spine.settings import Settings
from store.engine import Database
from store.ingest import ingest_raw
from tasks.detecting import tick

ACME, NOW = TenantId("acme"), datetime.now(UTC).replace(microsecond=0)
STOPPED = ("login_throttled", "login_blocked", "captcha_shown", "captcha_failed")


def tries(kinds: Sequence[str], since: datetime, number: int, prefix: str) -> list[dict[str, Any]]:
    """Of 200 users from 20 addresses, for fifteen minutes."""
    return [
        {
            "id": f"{prefix}{n:05d}", "type": kinds[n % len(kinds)], "user_id": f"u{n % 200}",
            "ip": f"203.0.113.{n % 20 + 1}", "occurred_at": (since + timedelta(minutes=14.5) * n / number).isoformat(),
        }
        for n in range(number)
    ]  # fmt: skip


def test_s40_attempts_that_were_only_stopped_open_nothing(database: Database) -> None:
    ingest_raw(database, ACME, tries(STOPPED, NOW - timedelta(minutes=15), 3000, "s"), now=NOW)
    result = tick(database, Settings(), NOW)
    assert (result.findings, result.openings) == ([], [])


def test_s40_an_incident_neither_grows_nor_lives_on_by_what_its_mitigation_stops(database: Database) -> None:
    ingest_raw(database, ACME, tries(["login_failed"], NOW - timedelta(minutes=15), 600, "a"), now=NOW)
    (opening,) = tick(database, Settings(), NOW).openings
    ended = []
    for quarter in range(1, 9):
        now = NOW + timedelta(minutes=15 * quarter)
        ingest_raw(database, ACME, tries(STOPPED, now - timedelta(minutes=15), 3000, f"q{quarter}-"), now=now)
        result = tick(database, Settings(), now)
        assert not any(one.is_new for one in result.openings)
        ended += result.ended
    assert [incident.id for incident in ended] == [opening.incident.id]
    last = ended[0].last_finding_at
    assert last < NOW + timedelta(hours=1)
