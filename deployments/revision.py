"""A backtest by the code of another git revision: in a work tree of its own, that is removed again."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spine.errors import Refused

_ROOT = Path(__file__).parents[1]
_RUN = "import sys; from deployments.cli import app; sys.argv[0] = 'opsspine'; app()"


def replayed_at(revision: str, arguments: Sequence[str]) -> list[dict[str, Any]]:
    """The lines that `opsspine backtest` of that revision writes, with this interpreter and its libraries.

    Raises:
        Refused: this is no git checkout, there is no such revision, or its backtest failed.
    """
    with _work_tree(revision) as folder, tempfile.TemporaryDirectory(prefix="opsspine-compare-") as scratch:
        lines = Path(scratch) / "incidents.jsonl"
        command = [sys.executable, "-c", _RUN, "backtest", *arguments, "--out", str(lines)]
        if "--advice" in _options(folder):
            command.append("--advice")
        done = _run(command, folder)
        if done.returncode or not lines.exists():
            told = (done.stderr or done.stdout).strip().splitlines()
            raise Refused(
                "backtest.revision",
                f"The backtest of revision {revision} failed, so there is nothing to compare with: "
                f"{told[-1] if told else f'exit code {done.returncode}'}. It runs with today's libraries; "
                "a revision that needs others cannot be compared.",
            )
        return [json.loads(line) for line in lines.read_text().splitlines() if line]


@contextmanager
def _work_tree(revision: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="opsspine-revision-") as scratch:
        folder = Path(scratch) / "tree"
        made = _git("worktree", "add", "--detach", "--quiet", str(folder), f"{revision}^{{commit}}")
        if made.returncode:
            raise Refused(
                "backtest.revision",
                f"There is no checkout of revision {revision!r}: {made.stderr.strip() or 'git failed'}. "
                "--compare needs the source in a git repository, and a branch, tag or commit of it.",
            )
        try:
            yield folder
        finally:
            _git("worktree", "remove", "--force", str(folder))


def _options(folder: Path) -> str:
    """What that revision's command can do: an old one gives no advice."""
    return (folder / "deployments" / "cli" / "backtest.py").read_text()


def _run(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(folder), "PYTHONSAFEPATH": ""}
    return subprocess.run(command, cwd=folder, env=environment, text=True, capture_output=True, check=False)


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(["git", "-C", str(_ROOT), *arguments], text=True, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise Refused("backtest.git", "--compare needs git, which is not installed here.") from error
