"""The whole demo, as a newcomer plays it: it closes the loop, and it cannot be made to pass without its parts."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _play(folder: Path, *arguments: str, seconds: float) -> subprocess.CompletedProcess[str]:
    folder.chmod(0o755)
    return subprocess.run(
        [sys.executable, "-m", "deployments.demo", *arguments],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": "/tmp", "COLUMNS": "160"},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


@pytest.mark.timeout(300)
def test_the_demo_closes_the_loop(tmp_path: Path) -> None:
    played = _play(tmp_path, seconds=290)
    assert played.returncode == 0, played.stdout[-4000:] + played.stderr[-2000:]
    assert played.stdout.count("✔") == 17
    assert "audit verify: ok" in played.stdout
    assert re.search(r"TTD \d+\.\d s.*TTA \d+\.\d s.*TTM \d+\.\d s", played.stdout)
    assert re.search(r"/runs/flow-run/[0-9a-f-]{36}", played.stdout)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("off", "stage"), [("detector", "detected"), ("throttle", "throttled"), ("verification", "verified")]
)
def test_the_demo_fails_without(off: str, stage: str, tmp_path: Path) -> None:
    played = _play(tmp_path, "--off", off, seconds=290)
    assert played.returncode == 1, played.stdout[-4000:] + played.stderr[-2000:]
    assert f"at the stage '{stage}'" in played.stdout
    assert "audit verify: ok" not in played.stdout
