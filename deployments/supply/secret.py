"""No secret in the repository: detect-secrets over every tracked file, against findings that a person looked at.

`.secrets.baseline` is detect-secrets' own format (`detect-secrets audit .secrets.baseline` shows each finding), less
what changes without meaning anything: line numbers and the day it was made.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from deployments.supply.tool import ROOT, run, tracked

BASELINE = ROOT / ".secrets.baseline"
_MACHINE_MADE = (
    "requirements.lock",
    "requirements-dev.lock",
    "package-lock.json",
    ".min.js",
    ".png",
    ".secrets.baseline",
)
"""Hashes of packages and pictures: all entropy, and made by programs."""
_WORDS = ("KeywordDetector", "Base64HighEntropyString", "HexHighEntropyString", "BasicAuthDetector")
"""Detectors by words and entropy. Tests are full of passwords of nobody, so they are spared these; what has the form of
a real provider's key is found there, too."""
Finding = tuple[str, str, str]
"""File, kind of secret, SHA-1 of the secret: what makes two findings the same."""


def scan(folder: Path = ROOT) -> dict[str, Any]:
    """What detect-secrets finds in the tracked files of `folder`, as its own JSON."""
    files = [name for name in tracked(folder) if not name.endswith(_MACHINE_MADE)]
    tests = [name for name in files if name.startswith("tests/")]
    rest = [name for name in files if not name.startswith("tests/")]
    spared = [word for name in _WORDS for word in ("--disable-plugin", name)]
    found = _scan(folder, rest)
    found["results"] |= _scan(folder, tests, *spared)["results"]
    found["results"] = {file: [_lasting(one) for one in ones] for file, ones in sorted(found["results"].items())}
    return found


def new(found: Mapping[str, Any], known: Mapping[str, Any]) -> list[str]:
    """A sentence for each finding that is not in the baseline `known`, or is known to be real."""
    looked_at = {key for key, one in _each(known) if one.get("is_secret") is False}
    return [
        f"{file}: {kind}. If it is real, revoke it where it is from, then remove it. If not: "
        "python -m deployments.supply.secret --accept, and say in the commit why"
        for (file, kind, _), _one in _each(found)
        if (file, kind, _) not in looked_at
    ]


def main(
    accept: Annotated[bool, typer.Option(help="All that is found was looked at, and is no secret.")] = False,
) -> None:
    """Look for secrets in every tracked file; exit code 1 when one is new."""
    found = scan()
    if accept:
        for _, one in _each(found):
            one["is_secret"] = False
        found.pop("generated_at", None)
        BASELINE.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    problems = new(found, json.loads(BASELINE.read_text(encoding="utf-8")))
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        sys.exit(1)
    print(f"secrets: {sum(1 for _ in _each(found))} findings, every one looked at before")


def _scan(folder: Path, files: Sequence[str], *options: str) -> dict[str, Any]:
    if not files:
        return {"results": {}}
    done = run("detect-secrets", "scan", "--no-verify", *options, *files, folder=folder)
    if done.returncode:
        raise RuntimeError(f"detect-secrets did not run: {done.stderr.strip()}")
    return dict(json.loads(done.stdout))


def _each(report: Mapping[str, Any]) -> Iterator[tuple[Finding, dict[str, Any]]]:
    for file, ones in report["results"].items():
        for one in ones:
            yield (file, one["type"], one["hashed_secret"]), one


def _lasting(one: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in one.items() if name not in ("line_number", "is_verified")} | {
        "line_number": 1
    }


if __name__ == "__main__":
    typer.run(main)
