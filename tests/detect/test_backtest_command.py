"""`opsspine backtest` compares settings and revisions of the code, and says what is wrong with either."""

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from deployments.cli import app
from deployments.revision import replayed_at
from deployments.settings_file import overlaid
from spine.errors import Refused

BRUTE = """
[detect.brute_force]
min_failures_15m = 1000
min_failures_60m = 1000
[detect.bucket]
machine_seconds = 0.01
"""
START = datetime(2026, 3, 2, tzinfo=UTC)


def logins(address: str, minutes: list[float], *, ok: bool = False) -> pd.DataFrame:
    """Logins of one user at these minutes."""
    return pd.DataFrame(
        {
            "type": "login_succeeded" if ok else "login_failed",
            "occurred_at": pd.to_datetime([START + timedelta(minutes=m) for m in minutes], utc=True),
            "tenant_id": "t1", "user_id": "u1", "ip": address,
        }
    )  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A guesser who tries 40 times in ten minutes, in a tenant that is older than a week."""
    old = logins("198.51.100.1", [0, 1], ok=True)
    tries = logins("192.0.2.1", [8 * 1440 + 5 + n / 4 for n in range(40)])
    events = pd.concat([old, tries], ignore_index=True)
    path = tmp_path / "events.parquet"
    events.assign(id=[f"e{n}" for n in range(len(events))]).to_parquet(path, index=False)
    return path


def test_other_settings_miss_what_they_ask_too_much_for(file: Path, tmp_path: Path) -> None:
    other, report, out = tmp_path / "other.toml", tmp_path / "report.md", tmp_path / "out.jsonl"
    other.write_text(BRUTE)
    command = ["backtest", str(file), "--out", str(out), "--history-days", "8", "--settings", str(other)]
    done = CliRunner().invoke(app, [*command, "--report", str(report)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert out.read_text() == ""
    told = report.read_text()
    assert "| FAILED_LOGINS_SPIKE | 1 | 0 | 0 | 1 | 0 |" in told
    assert "### Missed" in told
    assert "would propose" in told


def test_a_report_needs_something_to_compare_with(file: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(
        app, ["backtest", str(file), "--out", str(tmp_path / "o"), "--report", str(tmp_path / "r")]
    )
    assert done.exit_code == 1
    assert "--settings or --compare" in done.output


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[detect.bucket", "cannot be read as TOML"),
        ("[detect.bucket]\ncapacity = 3\n", "detect.bucket.capacity"),
        ("[detect.bucket]\ncapacity_failures = -3\n", "detect.bucket.capacity_failures"),
    ],
)
def test_settings_that_cannot_be_are_refused(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "other.toml"
    path.write_text(text)
    with pytest.raises(Refused, match=told.replace(".", r"\.")):
        overlaid(path)


def test_settings_lie_over_those_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPSSPINE_DETECT__BUCKET__LEAK_SECONDS", "7")
    path = tmp_path / "other.toml"
    path.write_text("[detect.bucket]\ncapacity_failures = 9\n")
    bucket = overlaid(path).detect.bucket
    assert (bucket.capacity_failures, bucket.leak_seconds) == (9, 7)


def test_a_revision_is_replayed_with_its_own_code(file: Path) -> None:
    trees = ["git", "-C", str(Path(__file__).parents[2]), "worktree", "list"]
    before = subprocess.run(trees, text=True, capture_output=True, check=False)
    if before.returncode:
        pytest.skip("this is no git checkout")
    lines = replayed_at("HEAD", [str(file), "--format", "parquet", "--history-days", "8"])
    assert [json.loads(json.dumps(line))["type"] for line in lines] == ["FAILED_LOGINS_SPIKE"]
    assert subprocess.run(trees, text=True, capture_output=True, check=False).stdout == before.stdout


def test_an_unknown_revision_is_refused() -> None:
    with pytest.raises(Refused, match="no checkout of revision 'no-such'"):
        replayed_at("no-such", [])
