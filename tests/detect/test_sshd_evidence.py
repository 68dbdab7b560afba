"""The real sshd log: every attacker is named, and nobody who logged in. (The whole log: benchmarks/.)"""

import json
import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "sshd_evidence.py"


def test_the_first_days_of_a_real_host_under_attack(public_data: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(BENCHMARK), "--data", str(public_data), "--days", "4"],
        capture_output=True, text=True, timeout=170, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    assert result["found"] == result["expected"] == 10
    assert result["incidents"] >= 3
