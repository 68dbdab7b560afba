"""Makes the runner start its runs warm."""

import asyncio
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from deployments.process import end_with_parent
from deployments.warm import launcher

_LONGEST_SOCKET_PATH = 100


_READY_SECONDS = 30


@dataclass(frozen=True, slots=True)
class WarmStart:
    """The warm process, and the program that stands in for the interpreter."""

    program: str
    socket: Path

    async def ready(self) -> None:
        """Return once it answers; after a while without, for runs then start cold, and that is no failure."""
        for _ in range(_READY_SECONDS * 20):
            if self.socket.exists():
                return
            await asyncio.sleep(0.05)


def warm_start(folder: Path) -> WarmStart:
    """Start the warm process; it ends with its parent, and the runs end with it."""
    socket = folder / "warm.sock"
    if len(str(socket)) > _LONGEST_SOCKET_PATH:
        socket = Path(tempfile.mkdtemp(prefix="opsspine-")) / "warm.sock"
    socket.unlink(missing_ok=True)
    subprocess.Popen(
        [sys.executable, "-m", "deployments.warm.server", str(socket)],
        stdin=subprocess.DEVNULL,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},  # a fork needs a single thread
        preexec_fn=end_with_parent,  # noqa: PLW1509 - one thread
    )
    program = folder / "warm-python"
    program.write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -IS "{Path(launcher.__file__)}" "{socket}" "{sys.executable}" "$@"\n'
    )
    program.chmod(0o700)
    return WarmStart(str(program), socket)
