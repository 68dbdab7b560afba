"""A long replay in slices, each a process of its own, tells what one in a single piece tells."""

import itertools
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from spine.settings import Settings
from tasks import replay_slice
from tasks.backtesting import backtest
from tasks.replay_slice import LEAD, cut

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = 1440


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


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices of hours, not of days."""
    monkeypatch.setattr(replay_slice, "_SHORTEST", timedelta(hours=12))
    monkeypatch.setattr(replay_slice, "LEAD", timedelta(hours=4))


def hours() -> pd.DataFrame:
    """A day and a half: a person now and then, and attacks before, across and after the middle of it."""
    people = logins("198.51.100.1", 1, list(np.arange(0, 1.5 * DAY, 100.0)), ok=True)
    attacks = [
        logins(f"192.0.2.{number}", 30, list(np.linspace(begin, begin + 40, 80)))
        for number, begin in enumerate([200, 900, 20 * 60 - 20, 25 * 60, 34 * 60], start=1)
    ]
    events = pd.concat([people, *attacks], ignore_index=True).sort_values("occurred_at", ignore_index=True)
    return events.assign(id=[f"e{k:05d}" for k in range(len(events))])


@pytest.mark.usefixtures("short")
def test_slices_open_what_the_whole_opens() -> None:
    told: list[tuple[int, int]] = []
    sliced = backtest(
        hours(), Settings(), history_days=0, jobs=2, progress=lambda done, total: told.append((done, total))
    )
    whole = backtest(hours(), Settings(), history_days=0)
    borders = [one.begin for one in cut(START, round(1.5 * DAY), 2)]
    assert borders[1] == START + timedelta(hours=20)
    assert len(whole.lines) == 5
    key = ("type", "subject", "opened_at", "severity")
    assert [[line[name] for name in key] for line in sliced.lines] == [
        [line[name] for name in key] for line in whole.lines
    ]
    assert told[-1][0] == told[-1][1] == sliced.ticks + sliced.skipped


@pytest.mark.parametrize("jobs", [1, 2, 3, 8])
def test_slices_share_the_work_and_leave_nothing_out(jobs: int) -> None:
    slices = cut(START, 14 * DAY, jobs)
    assert slices[0].lead == slices[0].begin == START
    assert slices[-1].end == START + timedelta(days=14)
    assert all(later.begin == earlier.end and later.lead == later.begin - LEAD
               for earlier, later in itertools.pairwise(slices))  # fmt: skip
    assert max(s.minutes for s in slices) - min(s.minutes for s in slices) <= len(slices)
    assert len(slices) == min(jobs, 4)


def test_what_is_short_stays_in_one_piece() -> None:
    assert len(cut(START, 5 * DAY, 8)) == 1


@pytest.mark.usefixtures("short")
def test_a_process_that_fails_is_told() -> None:
    with pytest.raises(Exception, match="ended without a word"):
        backtest(hours(), Settings(), history_days=0, jobs=2, runbooks=_raises)


def _raises() -> dict[object, object]:
    raise RuntimeError("no runbooks here")
