"""The gateway's workers: they share a port and a count, one that dies is replaced, and none outlives its launcher."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from deployments.port import free_port


class Edge:
    """`python -m deployments.gateway` with two workers."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self.port = free_port()
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("OPSSPINE_", "PREFECT_"))}
        nobody = "http://127.0.0.1:9/api"
        self.environment = {
            **kept, "DATABASE_URL": database_url, "OPSSPINE_DATA_DIR": str(folder), "OPSSPINE_GATEWAY__WORKERS": "2",
            "OPSSPINE_GATEWAY__PORT": str(self.port), "OPSSPINE_PREFECT__API_URL": nobody, "PREFECT_API_URL": nobody,
        }  # fmt: skip
        self.log = folder / "gateway.log"
        self.process = self.start()

    def start(self) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "deployments.gateway"]
            return subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)

    @property
    def workers(self) -> set[int]:
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return {int(one) for one in listed.split()}

    def get(self, path: str, **headers: str) -> httpx.Response:
        """On a connection of its own: whichever worker takes it."""
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", headers=headers, timeout=30, trust_env=False)

    def answers(self) -> bool:
        try:
            return self.get("/livez").status_code == 200
        except httpx.TransportError:
            return False

    def counted(self) -> int:
        """Requests for what is not there, as every worker tells it."""
        found = re.search(
            r'^opsspine_http_request_seconds_count\{[^}]*route="unmatched"[^}]*\} (\S+)$',
            self.get("/api/metrics").text,
            re.M,
        )
        return int(float(found[1])) if found else 0


def until(done: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.05)


@pytest.fixture
def edge(database_url: str, tmp_path: Path) -> Iterator[Edge]:
    edge = Edge(database_url, tmp_path)
    try:
        until(lambda: edge.answers() and len(edge.workers) == 2)
        yield edge
    finally:
        edge.process.kill()
        edge.process.wait()


def test_workers_count_together_and_what_a_dead_one_counted_stays(edge: Edge) -> None:
    for _ in range(20):
        assert edge.get("/nothing-here").status_code == 404
    assert {edge.counted() for _ in range(10)} == {20}
    before = edge.workers
    victim = min(before)
    os.kill(victim, signal.SIGKILL)
    until(lambda: len(edge.workers - {victim}) == 2)
    until(edge.answers)
    assert edge.process.poll() is None
    assert before - {victim} < edge.workers, "the other one went on"
    assert edge.get("/nothing-here").status_code == 404
    assert {edge.counted() for _ in range(10)} == {21}
    assert "a worker ended and is replaced" in edge.log.read_text()


def test_asked_to_end_all_end_and_say_so_with_their_code(edge: Edge) -> None:
    workers = edge.workers
    edge.process.send_signal(signal.SIGTERM)
    assert edge.process.wait(30) == 0
    assert not any(Path(f"/proc/{one}").exists() for one in workers)
    assert "is replaced" not in edge.log.read_text()


def test_no_worker_outlives_a_killed_launcher_and_its_port_is_free_at_once(edge: Edge) -> None:
    edge.process.kill()
    edge.process.wait()
    edge.process = edge.start()
    until(lambda: edge.answers() and len(edge.workers) == 2)


def test_a_fault_that_does_not_pass_ends_the_launcher_with_its_code() -> None:
    started = _run("sys.exit(fork.Workers(lambda: sys.exit(3), 2, lambda worker: None).run())")
    assert started.returncode == 3
    assert b"gives up" in started.stdout


def test_asked_to_end_between_two_forks_it_ends() -> None:
    interrupted = """
real = os.fork
def once():
    worker = real()
    if worker:
        os.kill(os.getpid(), signal.SIGTERM)
    return worker
os.fork = once
sys.exit(fork.Workers(lambda: time.sleep(60), 2, lambda worker: None).run())
"""
    assert _run(interrupted).returncode == 0


def _run(script: str) -> "subprocess.CompletedProcess[bytes]":
    head = "import os, signal, sys, time\nfrom deployments import fork\n"
    return subprocess.run([sys.executable, "-c", head + script], check=False, capture_output=True, timeout=40)
