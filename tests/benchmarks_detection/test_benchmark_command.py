"""The benchmark's command line, and a detector that is a program of its own."""

import json
import sys
from pathlib import Path

import pytest

from benchmarks.detection.__main__ import main

FINDS_ONE = """
import json, sys
import pandas as pd
last = pd.read_parquet(sys.argv[1])["occurred_at"].max()
line = {"type": "TENANT_LEAK_RISK", "tenant_id": "t0000", "opened_at": last.isoformat()}
open(sys.argv[2], "w").write(json.dumps(line) + "\\n")
"""


def test_a_world_is_made_searched_and_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["world", "--preset", "tiny", "--seed", "3", "--out", str(tmp_path)]) == 0
    lines = tmp_path / "fixed.jsonl"
    assert main(["detect", str(tmp_path / "events.parquet"), "--detector", "fixed", "--out", str(lines)]) == 0
    capsys.readouterr()
    assert main(["score", "--json", str(tmp_path / "truth.json"), str(lines)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["types"]["TENANT_LEAK_RISK"]["recall"] == 1.0  # a single violation is enough for that rule
    assert told["summary"]["false_per_tenant_week"] > 0


def test_a_program_is_a_detector(tmp_path: Path) -> None:
    program, lines = tmp_path / "mine.py", tmp_path / "out.jsonl"
    program.write_text(FINDS_ONE)
    main(["world", "--preset", "tiny", "--out", str(tmp_path)])
    command = f"{sys.executable} {program} {{events}} {{out}}"
    assert main(["detect", str(tmp_path / "events.parquet"), "--detector", command, "--out", str(lines)]) == 0
    assert [json.loads(line)["type"] for line in lines.read_text().splitlines()] == ["TENANT_LEAK_RISK"]


def test_a_run_compares_detectors(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--preset", "tiny", "--seeds", "1", "2", "--detector", "fixed", "fail2ban"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("| detector | macro f1 |")
    assert "| fail2ban |" in told


def test_units_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    main(["units"])
    told = capsys.readouterr().out
    assert "spray_slow" in told
    assert "retry_storm" in told


def test_files_that_are_no_pairs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="Files come in pairs"):
        main(["score", str(tmp_path / "truth.json")])
