"""Helpers for tests of the event store."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from spine.event import Event

NOW = datetime.now(UTC).replace(second=30, microsecond=0)
MakeEvent = Callable[..., Event]


@pytest.fixture
def now() -> datetime:
    """A moment in this session, at half a minute."""
    return NOW


@pytest.fixture
def event() -> MakeEvent:
    """Makes events: `event(3)` is number 3, a minute ago unless `ago` says otherwise."""

    def make(number: int, ago: timedelta = timedelta(minutes=1), **fields: Any) -> Event:
        given = {
            "id": f"e{number:06d}", "type": "login_failed", "occurred_at": NOW - ago, "tenant_id": "acme",
            "user_id": f"u{number}", "ip": "203.0.113.9", **fields,
        }  # fmt: skip
        return Event.model_validate(given)

    return make
