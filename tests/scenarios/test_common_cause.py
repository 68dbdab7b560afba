"""A provider that fails for many tenants is one incident, of no tenant, also where a replay leaves out minutes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from spine.settings import Settings
from tasks.backtesting import backtest
from tasks.watch import Watch

START = datetime(2026, 3, 2, tzinfo=UTC)
HISTORY = 8.0
OUTAGE = (8 * 1440 + 60, 8 * 1440 + 100)
"""Minutes."""


def world() -> pd.DataFrame:
    """Eight tenants with a callback every ten minutes for eight days and three hours; in the outage all fail."""
    minutes = np.arange(0, 8 * 1440 + 180, 10)
    rows = [
        pd.DataFrame(
            {
                "occurred_at": [START + timedelta(minutes=int(m) + tenant * 0.7 + 0.05) for m in minutes],
                "tenant_id": f"t{tenant}",
                "type": np.where((minutes >= OUTAGE[0]) & (minutes < OUTAGE[1]), "oauth_callback_error",
                                 "oauth_callback_ok"),
            }
        )
        for tenant in range(8)
    ]  # fmt: skip
    logins = rows[0].iloc[:2].assign(type=["login_succeeded", "login_failed"])
    events = pd.concat([*rows, logins], ignore_index=True)
    return events.assign(id=[f"e{k:06d}" for k in range(len(events))], user_id="u1", provider="google", ip="192.0.2.1")


def openings() -> tuple[list[dict[str, Any]], int]:
    report = backtest(world(), Settings(), history_days=HISTORY)
    return [{k: line[k] for k in ("type", "tenant_id", "subject", "opened_at")} for line in report.lines], report.ticks


def test_an_outage_of_a_provider_opens_one_incident_of_no_tenant(monkeypatch: pytest.MonkeyPatch) -> None:
    quick, some = openings()
    monkeypatch.setattr(Watch, "due", lambda self, now, ends: True)
    thorough, all_of = openings()
    assert quick == thorough
    assert some < all_of
    (line,) = quick
    assert (line["type"], line["tenant_id"]) == ("OAUTH_CALLBACK_ERRORS", None)
    assert line["subject"] == "everywhere/provider:google"
    late = (datetime.fromisoformat(line["opened_at"]) - START) / timedelta(minutes=1) - OUTAGE[0]
    assert 0 < late <= 15
