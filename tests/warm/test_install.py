"""The warm process is a fork of the runner's; when it has died, another one takes its place."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")

RUNNER = """
import asyncio, pathlib
import flows.detect
from deployments.warm.install import WarmStart
warm = WarmStart(pathlib.Path.cwd())
asyncio.run(warm.keep())
"""
RUN = """
import os, sys
print("warm" if "flows.detect" in sys.modules else "cold", os.getppid())
"""


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that keeps a warm one, in `tmp_path`."""
    (tmp_path / "run.py").write_text(RUN)
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    with subprocess.Popen([sys.executable, "-c", RUNNER], cwd=tmp_path, env=environment) as process:
        yield process
        process.kill()


def _run(folder: Path) -> tuple[str, int]:
    """How a run was started, and the process that started it."""
    done = subprocess.run(
        [folder / "warm-python", "-m", "run"], cwd=folder, capture_output=True, check=True, timeout=60
    )
    how, parent = done.stdout.decode().split()
    return how, int(parent)


def _until(found: Callable[[], T | None]) -> T:
    for _ in range(600):
        if value := found():
            return value
        time.sleep(0.1)
    raise AssertionError("no warm process answered within a minute")


def test_a_dead_warm_process_is_replaced(tmp_path: Path, runner: subprocess.Popen[bytes]) -> None:
    def warm() -> int | None:
        how, parent = _run(tmp_path) if (tmp_path / "warm.sock").exists() else ("cold", 0)
        return parent if how == "warm" else None

    first = _until(warm)
    assert Path(f"/proc/{first}/stat").read_text().rsplit(")", 1)[1].split()[1] == str(runner.pid)
    os.kill(first, signal.SIGKILL)
    _until(lambda: _ended(first))  # what is asked of it before that dies with it
    assert _until(warm) != first


def _ended(process: int) -> bool:
    """True once nothing of it runs, whether or not its parent has seen it."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True
