"""A child process: started, watched, restarted with patience, and always ended."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_MOST_DELAY_SECONDS = 30.0
_STEADY_SECONDS = 60.0


@dataclass
class Child:
    """One program of the spine. Its output goes to `log`; it ends when the supervisor does."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    log: Path
    stop_seconds: float = 15
    stop_signal: signal.Signals = signal.SIGTERM
    """SIGKILL for programs whose own idea of a clean end is worse than none."""
    process: subprocess.Popen[bytes] | None = None
    restarts: int = 0
    _started: float = field(default=0.0, repr=False)
    _again_at: float = field(default=0.0, repr=False)

    def start(self) -> None:
        """Start the program."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=partial(end_with_parent, self.stop_signal),  # noqa: PLW1509 - one thread
            )
        self._started = time.monotonic()

    @property
    def alive(self) -> bool:
        """True while the program runs."""
        return self.process is not None and self.process.poll() is None

    def watch(self) -> str | None:
        """Restart the program if it died, at growing intervals; returns what to tell the operator, if anything."""
        if self.alive:
            return None
        now = time.monotonic()
        if self._again_at == 0.0:
            if now - self._started > _STEADY_SECONDS:
                self.restarts = 0
            delay = 0.0 if self.restarts == 0 else min(2.0**self.restarts, _MOST_DELAY_SECONDS)
            self._again_at = now + delay
            code = self.process.returncode if self.process else None
            return f"{self.name} ended ({_why(code)}); starting it again in {delay:.0f} s. Its log: {self.log}"
        if now >= self._again_at:
            self._again_at = 0.0
            self.restarts += 1
            self.start()
            return f"{self.name} was started again"
        return None

    def ask_to_stop(self) -> None:
        """Send the stop signal, without waiting."""
        if self.process and self.alive:
            self.process.send_signal(self.stop_signal)

    def stop(self) -> None:
        """End the program and whatever it started: its signal first, SIGKILL when its time is up."""
        if self.process is None:
            return
        self.ask_to_stop()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(self.stop_seconds)
        with contextlib.suppress(ProcessLookupError):  # its group: runs that a runner left behind
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def end_with_parent(number: int = signal.SIGTERM) -> None:
    """Linux: the kernel sends this process `number` when its parent dies, however that dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)


def _why(code: int | None) -> str:
    if code is None:
        return "never started"
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
