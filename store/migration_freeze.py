"""Released migrations never change: their digests are in `store/migrations/released.txt`, and a test holds them to it.

`python -m store.migration_freeze` adds every migration that is not in it yet: run it when a release is made.
"""

import hashlib
import sys
from pathlib import Path

from store.migrate import MIGRATIONS

RELEASED = "released.txt"


def digests(folder: Path = MIGRATIONS) -> dict[str, str]:
    """SHA-256 by path, of every SQL file and every step."""
    files = [*folder.glob("v*/*.sql"), *folder.glob("versions/*.py")]
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(files)}


def released(folder: Path = MIGRATIONS) -> dict[str, str]:
    """What was released; {} = nothing yet."""
    file = folder / RELEASED
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return {name: digest for digest, name in (line.split("  ", 1) for line in lines)}


def changed(folder: Path = MIGRATIONS) -> list[str]:
    """Released files that are not what they were, or are gone; and files added to a released folder."""
    now, then = digests(folder), released(folder)
    folders = {name.split("/")[0] for name in then} - {"versions"}
    added = {name for name in now if name not in then and name.split("/")[0] in folders}
    return sorted({name for name in then if now.get(name) != then[name]} | added)


def freeze(folder: Path = MIGRATIONS) -> int:
    """Write down what is released from now on; returns how many files are new.

    Raises:
        ValueError: something released has changed.
    """
    if bad := changed(folder):
        raise ValueError(f"released migrations have changed: {', '.join(bad)}. Take it back, and add a migration.")
    then, now = released(folder), digests(folder)
    lines = [f"{digest}  {name}\n" for name, digest in now.items()]
    (folder / RELEASED).write_text("".join(lines), encoding="utf-8")
    return len(now) - len(then)


if __name__ == "__main__":
    sys.stdout.write(f"{freeze()} more files are released: they never change from now on\n")
