"""A replay looks at every minute in which an exact fact may begin, and when a second factor should have come."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from spine.settings.detect import DetectSettings
from tasks.rarity import rare_minutes

START = datetime(2026, 3, 2, tzinfo=UTC)


def flagged(kind: str, **columns: object) -> list[int]:
    at = pd.to_datetime([START + timedelta(minutes=10.5)], utc=True)
    events = pd.DataFrame({"type": [kind], "occurred_at": at, "tenant_id": "t1", "user_id": "u1", **columns})
    return [int(minute) for minute in rare_minutes(events, DetectSettings(), START, 60).nonzero()[0]]


@pytest.mark.parametrize(
    ("kind", "minutes"),
    [("session_used", [11]), ("admin_action", [11]), ("session_rejected", [11]), ("mfa_failed", [11, 16])],
)
def test_a_telling_event_is_looked_at(kind: str, minutes: list[int]) -> None:
    assert flagged(kind, attributes=[{}]) == minutes
    assert flagged(kind, session_id="s1") == minutes


def test_a_file_without_sessions_and_attributes_holds_no_facts() -> None:
    assert flagged("session_used") == []
