"""A replay that leaves out still minutes opens the same rare incidents as one that looks at every minute."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from spine.settings import Settings
from spine.settings.detect import DetectSettings
from tasks import backtesting
from tasks.backtesting import backtest
from tasks.rarity import rare_minutes
from tasks.watch import Watch

START = datetime(2026, 3, 2, tzinfo=UTC)
ROW = {"tenant_id": "t1", "ip": "192.0.2.1", "country": "DE", "user_agent": "a", "resource_tenant_id": None}


def row(kind: str, minute: float, user: str, **more: Any) -> dict[str, Any]:
    at = START + timedelta(minutes=minute)
    return {**ROW, "type": kind, "occurred_at": at, "user_id": f"t1-{user}", **more}


def hours() -> pd.DataFrame:
    """Some hours: people at home, one on a train; a journey nobody makes, a flood, a leak, a guessed administrator."""
    events = [row("session_created", minute, f"u{minute % 7}") for minute in range(0, 240, 3)]
    events += [row("admin_login", minute, "a") for minute in range(1, 180, 12)]
    events += [row("session_created", 20.5, "u1", country="FR", ip="192.0.2.2")]
    events += [row("session_created", 70.5, "u2", country="JP", ip="192.0.2.3", user_agent="b")]
    events += [row("session_created", 100.2 + 0.7 * n, "u3", ip=f"192.0.2.{10 + n % 3}") for n in range(20)]
    events += [row("tenant_scope_violation", 130.5 + 5 * n, f"u{n}", resource_tenant_id="t2") for n in range(4)]
    events += [row("login_failed", 190 + n / 9, "a", ip="192.0.2.4") for n in range(20)]
    events += [row("admin_login", 193.5, "a", ip="192.0.2.4", user_agent="c")]
    frame = pd.DataFrame(events).sort_values("occurred_at", kind="stable", ignore_index=True)
    return frame.assign(id=[f"e{n:05d}" for n in range(len(frame))], occurred_at=pd.to_datetime(frame["occurred_at"]))


def test_leaving_out_still_minutes_changes_no_rare_incident(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = backtest(hours(), Settings(), history_days=0)
    monkeypatch.setattr(Watch, "due", lambda self, now, ends: True)
    thorough = backtest(hours(), Settings(), history_days=0)
    assert quick.skipped > 100
    assert thorough.skipped == 0

    def told(report: backtesting.Report) -> list[tuple[Any, ...]]:
        return [
            (line["type"], line.get("user_id"), line["opened_at"], line["severity"])
            for line in report.lines
            if line["type"] != "FAILED_LOGINS_SPIKE"
        ]

    assert told(quick) == told(thorough)
    assert [one[:2] for one in told(quick)] == [
        ("SESSION_ANOMALIES", "t1-u2"),
        ("SESSION_ANOMALIES", "t1-u3"),
        ("TENANT_LEAK_RISK", None),
        ("SUSPICIOUS_ADMIN_LOGIN", "t1-a"),
    ]


def test_people_who_stay_at_home_move_no_minute() -> None:
    calm = hours().query("country == 'DE' and user_agent == 'a' and type == 'session_created'")
    calm = calm[~calm["user_id"].eq("t1-u3")]
    assert not rare_minutes(calm, DetectSettings(), START, 240).any()


def test_a_file_without_countries_or_users_is_no_error() -> None:
    bare = hours()[["type", "occurred_at"]]
    flags = rare_minutes(bare, DetectSettings(), START, 240)
    assert flags.sum() == 4  # the violations
