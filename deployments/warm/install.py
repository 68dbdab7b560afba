"""Makes the runner start its runs warm."""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from deployments.process import end_with_parent
from deployments.warm import launcher, server

_LONGEST_SOCKET_PATH = 100
_READY_SECONDS = 30
_LOOK_SECONDS = 2


class WarmStart:
    """The warm process, and the program that stands in for the interpreter. Both end with this process."""

    def __init__(self, folder: Path) -> None:
        """Forks: call it before anything starts a thread or an event loop."""
        self._python = sys.executable
        self._socket = folder / "warm.sock"
        if len(str(self._socket)) > _LONGEST_SOCKET_PATH:
            self._socket = Path(tempfile.mkdtemp(prefix="opsspine-")) / "warm.sock"
        self.program = folder / "warm-python"
        self.program.write_text(
            f'#!/bin/sh\nexec "{self._python}" -IS "{Path(launcher.__file__)}" "{self._socket}" "{self._python}" "$@"\n'
        )
        self.program.chmod(0o700)
        self._lives = self._fork()

    async def ready(self) -> None:
        """Return once it answers; after a while without, for runs then start cold, and that is no failure."""
        for _ in range(_READY_SECONDS * 20):
            if self._socket.exists():
                return
            await asyncio.sleep(0.05)

    async def keep(self) -> NoReturn:
        """Start it again whenever it has ended; until then runs start cold."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if not self._lives():
                self._lives = self._spawn()

    def _fork(self) -> Callable[[], bool]:
        """The first one: a copy of this process, which has imported nearly everything already."""
        self._socket.unlink(missing_ok=True)
        if pid := os.fork():
            return lambda: os.waitpid(pid, os.WNOHANG) == (0, 0)
        try:
            end_with_parent()
            server.main(str(self._socket))
        finally:
            os._exit(1)

    def _spawn(self) -> Callable[[], bool]:
        """Every later one: by then this process has threads, which a fork would not survive."""
        self._socket.unlink(missing_ok=True)
        process = subprocess.Popen(
            [self._python, "-m", "deployments.warm.server", str(self._socket)],
            stdin=subprocess.DEVNULL,
            preexec_fn=end_with_parent,  # noqa: PLW1509 - the runner forks nothing else in threads
        )
        return lambda: process.poll() is None
