"""`make sbom`: an inventory of every package that runs in production, as CycloneDX, written from the lock."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from deployments.supply.tool import LOCK, ROOT, run

SBOM = ROOT / "build" / "sbom.cdx.json"
VERSION = "1.6"
"""Of the CycloneDX schema."""


def make(target: Path) -> None:
    """Write the inventory to `target`; the same lock gives the same file. It is valid, or there is none.

    Raises: RuntimeError with what the tool said, when it could not be made.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    words = ("--pyproject", "pyproject.toml", "--sv", VERSION, "--output-reproducible", "--validate")
    done = run("cyclonedx-py", "requirements", LOCK, *words, "-o", str(target))
    if done.returncode:
        target.unlink(missing_ok=True)
        raise RuntimeError(f"no inventory was made of {LOCK}: {done.stderr.strip()}")


def main(out: Annotated[Path, typer.Option(help="Where to.")] = SBOM) -> None:
    """Write the inventory of packages."""
    try:
        make(out)
    except RuntimeError as problem:
        print(problem, file=sys.stderr)
        sys.exit(1)
    print(f"sbom: {out}")


if __name__ == "__main__":
    typer.run(main)
