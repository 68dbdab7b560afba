"""A replay that leaves out still minutes opens and names exactly what one does that looks at every minute."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from spine.detect.episode import Cause
from spine.ids import TenantId
from spine.incident import IncidentKind
from spine.settings import Settings
from spine.settings.detect import DetectSettings
from tasks.backtesting import backtest, default_history_days
from tasks.stillness import Stillness
from tasks.watch import Watch

START = datetime(2026, 3, 2, tzinfo=UTC)


def logins(address: str, users: int, minutes: list[float], *, ok: bool = False) -> pd.DataFrame:
    """One login at each of `minutes` after START, users taking turns."""
    return pd.DataFrame(
        {
            "type": "login_succeeded" if ok else "login_failed",
            "occurred_at": pd.to_datetime([START + timedelta(minutes=m) for m in minutes], utc=True),
            "tenant_id": "t1",
            "user_id": [f"u{k % users}" for k in range(len(minutes))],
            "ip": address,
        }
    )


def day() -> pd.DataFrame:
    """Some hours: people who log in, one who mistypes, two attacks with quiet between them."""
    random = np.random.default_rng(7)
    people = [logins(f"198.51.100.{i}", 1, sorted(random.uniform(0, 220, 5)), ok=True) for i in range(8)]
    mistypes = logins("203.0.113.5", 1, [5, 5.4, 6])
    stuffing = logins("192.0.2.1", 30, list(np.linspace(20, 30, 60)))
    fast = logins("192.0.2.2", 1, list(np.linspace(200, 200.3, 8)))
    events = pd.concat([*people, mistypes, stuffing, fast], ignore_index=True)
    return events.assign(id=[f"e{k:05d}" for k in range(len(events))])


def test_leaving_out_still_minutes_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = backtest(day(), Settings(), history_days=0)
    monkeypatch.setattr(Watch, "due", lambda self, now, ends: True)
    thorough = backtest(day(), Settings(), history_days=0)
    assert thorough.skipped == 0
    assert quick.skipped > 100
    for line in [*quick.lines, *thorough.lines]:
        del line["evidence"]["detectors"]  # the strongest margins seen, which depend on when one looks
    assert quick.lines == thorough.lines
    assert ["192.0.2.1" in quick.lines[0]["evidence"]["addresses"], quick.lines[1]["evidence"]["addresses"]] == [
        True,
        ["192.0.2.2"],
    ]


def test_a_bucket_opens_at_the_event_and_not_before_it() -> None:
    report = backtest(logins("192.0.2.2", 1, list(np.linspace(10.1, 10.4, 8))).assign(id=list("abcdefgh")), Settings())
    (line,) = report.lines
    opened = datetime.fromisoformat(line["opened_at"])
    assert START + timedelta(minutes=10.1) < opened <= START + timedelta(minutes=11)


def test_a_minute_moves_when_strangers_are_many_or_an_incident_can_grow() -> None:
    events = pd.concat(
        [
            logins("198.51.100.1", 1, [1, 5], ok=True),
            logins("198.51.100.1", 1, [20]),
            logins("192.0.2.1", 1, [40.5]),
            *(logins(f"192.0.2.{i}", 1, [70.5 + i]).assign(user_id=f"v{i}") for i in range(2, 8)),
            logins("192.0.2.9", 1, list(np.linspace(100.1, 100.9, 5))).assign(user_id="w"),
        ]
    ).sort_values("occurred_at", kind="stable")
    stillness = Stillness(events, DetectSettings(), START, 110)
    tenant = TenantId("t1")
    assert [m for m in range(111) if stillness.due(m)] == [77, 78, 101]
    assert [m for m in range(1, 111) if stillness.grows(tenant, m - 1, m)] == [41, *range(73, 79), 101]
    assert not stillness.grows(TenantId("t2"), 0, 110)
    stillness.learn({"t1": dict.fromkeys(("15m", "1h", "6h", "24h"), (9.0, 9.9))})
    assert [m for m in range(111) if stillness.due(m)] == [101]


def test_what_lives_is_looked_at_every_five_minutes_and_before_it_could_end() -> None:
    events = logins("192.0.2.9", 1, list(np.linspace(10.1, 10.9, 6))).assign(user_id="w")
    cause = Cause(TenantId("t1"), IncidentKind.FAILED_LOGINS_SPIKE, "tenant")

    def looked(ends: dict[Cause, datetime]) -> list[int]:
        watch = Watch(events, DetectSettings(), START, 40)
        return [m for m in range(1, 41) if watch.due(START + timedelta(minutes=m), ends)]

    assert looked({}) == [11]
    assert looked({cause: START + timedelta(minutes=100)}) == [15]
    assert looked({cause: START + timedelta(minutes=14)}) == [11]


def test_a_short_file_is_judged_by_floors_from_its_first_event() -> None:
    for days, expected in ((27, 0), (29, 28)):
        table = pa.Table.from_pandas(logins("192.0.2.1", 1, [0, 60 * 24 * days]))
        assert default_history_days(table) == expected
