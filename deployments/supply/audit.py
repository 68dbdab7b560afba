"""`make audit`: are holes known in what we install? A database that cannot be asked is not a good answer."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from deployments.supply.tool import LOCK, run

_WAIT = "20"
"""Seconds for one question of the database."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is known of the packages: `holes` as sentences, and how many of `packages` nobody could look up."""

    packages: int
    unknown: int
    holes: Sequence[str]

    @property
    def reached(self) -> bool:
        """The database knew at least one package; else we asked nobody."""
        return self.unknown < self.packages


def read(report: Mapping[str, Any]) -> Finding:
    """The finding of pip-audit's JSON `report`."""
    packages = report["dependencies"]
    holes = [
        f"{package['name']} {package['version']}: {hole['id']}; fixed in {', '.join(hole['fix_versions']) or 'nothing'}"
        for package in packages
        for hole in package.get("vulns", ())
    ]
    return Finding(len(packages), sum("skip_reason" in package for package in packages), holes)


def ask(lock: str = LOCK) -> Finding | None:
    """What the database says of `lock`, or None when it cannot be asked."""
    words = ("--disable-pip", "--require-hashes", "--progress-spinner", "off", "--timeout", _WAIT, "--format", "json")
    done = run("pip-audit", "--requirement", lock, *words)
    try:
        found = read(json.loads(done.stdout))
    except (ValueError, KeyError):
        return None
    return found if found.reached else None


def main(
    required: Annotated[bool, typer.Option(help="A database that cannot be asked is a failure.")] = False,
) -> None:
    """Say which holes are known in the locked packages; exit code 1 when there is one."""
    found = ask()
    if found is None:
        print("audit: SKIPPED, the database of known holes does not answer; nothing is known of the locked packages")
        sys.exit(3 if required else 0)
    for hole in found.holes:
        print(hole, file=sys.stderr)
    unknown = f", {found.unknown} of them not in the database" if found.unknown else ""
    print(f"audit: {len(found.holes)} known holes in {found.packages} packages{unknown}")
    sys.exit(1 if found.holes or (required and found.unknown) else 0)


if __name__ == "__main__":
    typer.run(main)
