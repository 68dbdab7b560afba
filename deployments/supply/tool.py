"""The programs these checks are made with, as they are installed beside this Python."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The checkout."""
LOCK = "requirements.lock"
"""What runs in production, pinned by hash; relative to the checkout."""


class NotInstalled(Exception):
    """A program of the development tools is missing."""


def run(name: str, *words: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run the tool `name` in `folder`; its exit code is the caller's to judge.

    Raises: NotInstalled when the environment has no such tool.
    """
    program = Path(sys.executable).with_name(name)
    if not program.exists():
        raise NotInstalled(f"{name} is not installed beside {sys.executable}; `make check` installs it")
    return subprocess.run([program, *words], cwd=folder, capture_output=True, text=True, check=False)


def tracked(folder: Path = ROOT) -> Sequence[str]:
    """The files git knows in `folder`, relative to it, that are there."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=folder, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.split("\0") if name and (folder / name).is_file()]
