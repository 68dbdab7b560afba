"""A program the demo starts beside the spine, and ends."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Program:
    """One `python -m …` in a session of its own; its output goes to `log`."""

    name: str
    module: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    stop_seconds: float = 15
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> "Program":
        """Start it."""
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *self.module],
                env={**self.environment, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    @property
    def pid(self) -> int | None:
        """Its process id once started."""
        return self._process.pid if self._process else None

    @property
    def ended(self) -> bool:
        """True when it was started and runs no more."""
        return self._process is not None and self._process.poll() is not None

    def ask_to_stop(self) -> None:
        """SIGTERM, without waiting."""
        if self._process and not self.ended:
            self._process.terminate()

    def stop(self) -> None:
        """End it: SIGTERM, and SIGKILL for the whole session when it takes too long."""
        if self._process is None:
            return
        self.ask_to_stop()
        try:
            self._process.wait(self.stop_seconds)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def last_words(self, lines: int = 15) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""
