"""The generated week: believable, repeatable, and in the past."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from deployments.demo.history import DAYS, write_history
from deployments.demo.traffic.population import OFFICE_ADDRESS, Population

NOW = datetime(2026, 5, 4, 10, 0, tzinfo=UTC)


def _history(folder: Path, population: Population) -> pd.DataFrame:
    file = folder / "history.parquet"
    visitors = [(v, 0.002) for v in population.members]
    written = write_history(file, visitors, until=NOW, mistypes=0.05)
    frame = pd.read_parquet(file)
    assert written == len(frame)
    return frame


def test_it_covers_eight_days_and_ends_before_now(tmp_path: Path, population: Population) -> None:
    times = _history(tmp_path, population)["occurred_at"]
    assert times.is_monotonic_increasing
    assert times.max() < NOW
    assert timedelta(days=DAYS) - timedelta(hours=1) < NOW - times.min() <= timedelta(days=DAYS, seconds=1)


def test_nights_are_quiet_and_the_present_hour_is_usual(tmp_path: Path, population: Population) -> None:
    frame = _history(tmp_path, population)
    by_hour = frame.groupby(frame["occurred_at"].dt.hour).size() / DAYS
    assert by_hour[22] < 0.3 * by_hour[9]
    expected = 0.002 * len(population.members) * 3600
    assert 0.85 * expected < by_hour[9] < 1.15 * expected


def test_everybody_was_there_under_their_address(tmp_path: Path, population: Population) -> None:
    frame = _history(tmp_path, population)
    assert frame["id"].is_unique
    seen = frame.groupby("user_id")["ip"].agg(set)
    assert dict(seen.items()) == {v.name: {v.ip} for v in population.members}
    assert frame.loc[frame["ip"] == OFFICE_ADDRESS, "user_id"].nunique() == len(population.office)


def test_some_mistyped_and_nobody_more(tmp_path: Path, population: Population) -> None:
    failed = _history(tmp_path, population)["type"].eq("login_failed").mean()
    assert 0.035 < failed < 0.06


def test_one_seed_is_one_week(tmp_path: Path, population: Population) -> None:
    assert _history(tmp_path, population).equals(_history(tmp_path, population))
