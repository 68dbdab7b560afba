"""The launcher lives and ends as the run it started, and never starts it twice."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.warm import launcher


@pytest.fixture
def started(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A launcher whose warm process is this test (`warm.sock`), and whose interpreter only says so."""
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho cold\n")
    python.chmod(0o700)
    command = [sys.executable, "-IS", launcher.__file__, str(tmp_path / "warm.sock"), str(python), "-m", "module"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        yield process


@pytest.fixture
def warm(tmp_path: Path) -> Iterator[socket.socket]:
    """The socket the launcher asks."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "warm.sock"))
        listener.listen()
        listener.settimeout(20)
        yield listener


def _asked(listener: socket.socket) -> socket.socket:
    connection, _ = listener.accept()
    size = int.from_bytes(connection.recv(8), "big")
    body = b""
    while len(body) < size:
        body += connection.recv(size)
    assert json.loads(body)["module"] == "module"
    return connection


@pytest.mark.parametrize("code", [0, 3, -signal.SIGTERM, -signal.SIGKILL])
def test_it_ends_as_its_run_does(warm: socket.socket, started: subprocess.Popen[bytes], code: int) -> None:
    with _asked(warm) as connection:
        connection.sendall(int(code).to_bytes(4, "big", signed=True))
        output, _ = started.communicate(timeout=20)
    assert (started.returncode, output) == (code, b"")


def test_a_run_whose_warm_process_died_is_not_started_again(
    warm: socket.socket, started: subprocess.Popen[bytes]
) -> None:
    _asked(warm).close()
    output, _ = started.communicate(timeout=20)
    assert (started.returncode, output) == (1, b"")


def test_without_a_warm_process_it_becomes_the_interpreter(started: subprocess.Popen[bytes]) -> None:
    output, _ = started.communicate(timeout=20)
    assert (started.returncode, output) == (0, b"cold\n")
