"""A storm: sixty tenants are attacked at once."""

from datetime import UTC, datetime, timedelta

import pytest

from spine.finding import Finding
from spine.ids import TenantId
from spine.incident import IncidentKind
from spine.severity import Severity
from tasks import detecting

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


@pytest.fixture
def storm(monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    """What every look finds: t00 to t59, each tenth of them (t09, t19 …) critical."""
    found = [
        Finding(
            tenant_id=TenantId(f"t{n:02d}"), kind=IncidentKind.FAILED_LOGINS_SPIKE, detector="stuffing_one_address",
            window_start=NOW - timedelta(minutes=15), window_end=NOW, n=30, observed={"failures": 30, "users": 20},
            threshold={"failures": 25}, margin=1.2, severity=Severity.CRITICAL if n % 10 == 9 else Severity.MEDIUM,
            first_event_at=NOW - timedelta(minutes=9), last_event_at=NOW, addresses=("192.0.2.1",), users=("u1", "u2"),
        )
        for n in range(60)
    ]  # fmt: skip
    monkeypatch.setattr(detecting, "detect", lambda *_: found)
    return found
